/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_KVM_COUNTS_H
#define L1TUNE_KVM_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "model/snapshot.h"

/* A large page is 2 MB. */
#define PAGES_PER_LARGE	512
/* And the largest is 1 GB. */
#define PAGES_PER_HUGE	(512 * 512)

enum kvm_count_id {
	KVM_POLL_HIT_NS,
	KVM_POLL_MISS_NS,
	KVM_L1D_FLUSHES,
	/* Faults that only gave back an access to a page that was mapped. */
	KVM_FAST_FAULTS,
	/* Faults for which KVM looked for a page, and those of them where it found none. */
	KVM_FAULTS_TAKEN,
	KVM_FAULTS_EMULATED,
	/* Those that ended with a page mapped. */
	KVM_FAULTS_FIXED,
	/* Accesses by address that reached the VMM. */
	KVM_MMIO_EXITS,
	/* What is mapped now, in pages of their size. */
	KVM_SMALL_PAGES,
	KVM_LARGE_PAGES,
	KVM_HUGE_PAGES,
	/* Large pages that are split because the guest executes in them. */
	KVM_NX_SPLITS,
	NUM_KVM_COUNTS,
	NUM_KVM_CUMULATIVE = KVM_SMALL_PAGES,
};

struct kvm_count {
	bool is_known;
	/* Why it is not known: -errno. */
	int err;
	/* Growth in the interval; for a state, its value at the end. */
	uint64_t value;
	/* For a state: its value at the beginning. */
	uint64_t before;
};

struct kvm_counts {
	/* KVM's own statistics of one VM, as far as debugfs may be read. */
	struct kvm_count v[NUM_KVM_COUNTS];
	/* By how much its slots' generation grew: see struct memslots. */
	struct kvm_count slot_generation;
};

/*
 * Opens no file that lockdown denies: each attempt would add a line to the kernel's
 * log. If the process has several VMs, a snapshot with vCPUs helps to find the guest's
 * directory.
 */
void kvm_counts_read(const struct env *env, const struct guest_snapshot *guest,
		     struct kvm_counts *counts);

/* The same of one of them, and of nothing else. */
struct kvm_count kvm_count_read(const struct env *env, const struct guest_snapshot *guest,
				enum kvm_count_id id);

/* All that KVM has mapped. */
struct kvm_mapped {
	/* Whatever their size. */
	uint64_t pages;
	/* Memory, counted in pages of 4K: all of it, and what is mapped in them. */
	uint64_t small, all;
};

/* At the interval's end and at its beginning; 0, or -errno of a count that is not known. */
int kvm_counts_mapped(const struct kvm_counts *counts, struct kvm_mapped *now,
		      struct kvm_mapped *before);

/* Those of a guest that was not there yet: 0, and known. */
void kvm_counts_start(struct kvm_counts *counts);

/* Those of a guest of which it is not known what they were: -errno says why. */
void kvm_counts_unknown(struct kvm_counts *counts, int err);

/* What was counted since then. */
void kvm_counts_subtract(struct kvm_counts *counts,
			 const struct kvm_counts *before);

/* The file's name, and in words why it cannot be read. */
const char *kvm_count_name(enum kvm_count_id id);
const char *kvm_count_why_not(int err);

#endif
