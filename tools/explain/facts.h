/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FACTS_H
#define L1TUNE_FACTS_H

#include "base/env.h"
#include "explain/access.h"
#include "explain/activity.h"
#include "explain/kvm-counts.h"
#include "model/memory.h"
#include "explain/transit.h"
#include "model/host.h"
#include "model/machine.h"
#include "model/snapshot.h"

struct cpus_of_guests;
struct vmm_waits;

/* What symptoms and causes are looked for in: one guest in an interval, and this machine. */
struct facts {
	const struct env *env;
	const struct host *host;
	struct machine machine;
	const struct guest_snapshot *guest;
	/* Counts of that interval. */
	struct kvm_counts kvm;
	/* Counts of the whole machine, in an interval of its own; not only this guest's. */
	struct activity activity;
	/* Read when it is first asked for: memory_of(). */
	struct guest_memory *memory;
	/* Looked for when it is first asked for; NULL: not looked for. */
	struct vmm_waits *waits;
	/* How many looks that take a while are left for all guests together; NULL: none. */
	unsigned int *looks;
	/* The VMM's command line, words that end with NUL; NULL if not known. */
	const char *cmdline;
	size_t cmdline_len;
	struct transit transit;
	/* What waking from HLT takes at most beyond an exit; 0 if not measured. */
	double wake_ns;
	/* vCPUs of all guests; how long all that are looked at waited for a CPU. */
	uint64_t num_vcpus;
	uint64_t waited_ns;
	/* Which CPUs all guests may use. */
	struct cpus_of_guests *cpus;
	/* What its VMM's guests accessed; empty if that was not looked at. */
	struct access_groups accesses;
	bool is_sampled;
	/*
	 * What thresholds are multiplied with: 1, and less where a guest is
	 * looked at as one of many.
	 */
	double scale;
};

/* In CPUs: seconds of a CPU in a second. */
struct gain {
	enum { GAIN_UNKNOWN, GAIN_RANGE, GAIN_AT_LEAST, GAIN_AT_MOST } kind;
	double low, high;
	/* The exits' way to L0 would be saved too, and is not in it: not measured. */
	bool lacks_transit;
};

/* What was looked at for one cause. */
struct looked {
	/* The cause's title. */
	const char *cause;
	/* What the answer says of the cause. */
	enum verdict { VERDICT_OPEN, VERDICT_SHOWN, VERDICT_RULED_OUT } verdict;
	/* What was seen, or why nothing was; a copy. */
	char *seen;
	/* How to find out, where it is open. */
	const char *how;
};

/* Texts are copies but for name, title, owner and risk. */
struct advice {
	/* The cause's; the symptom's where its cause is not known. */
	const char *name, *title, *owner, *risk;
	const char *symptom;
	/* See struct cause. */
	const char *change_for_all;
	/* The symptom's place, which orders equal gains. */
	size_t order;
	/* At least one of its guests reaches the thresholds alone. */
	bool is_enough;
	/* If it is about more than one, guest_id is 0 and guest_name says how many. */
	size_t num_guests;
	uint64_t guest_id;
	char *guest_name;
	char *evidence;
	char *change;
	char *confidence;
	struct gain gain;
	struct looked *looked;
	size_t num_looked;
	/* What the evidence names. */
	struct access_group *accesses;
	size_t num_accesses;
};

/* What is less is not worth a change. */
#define MIN_GAIN	0.01
/* If more guests than these have the same advice, it is one about them all. */
#define MAX_ALONE	8
/* For guests together: so large that more than MAX_ALONE guests have reached it. */
#define MIN_GAIN_OF_ALL	((MAX_ALONE + 1) * MIN_GAIN)

void advice_free(struct advice *advice);

/* By the name of the VMM's program; false if that is not known. */
bool is_qemu(const struct facts *facts);
/* Is it a word of the VMM's command line? False also if that is not known. */
bool vmm_has_option(const struct facts *facts, const char *option);

/* This machine's kernel: 6012 is Linux 6.12; 0 if that is not known. */
unsigned int kernel_version_of(const struct facts *facts);

/* How the guest's memory is backed, as far as it may be read. */
const struct guest_memory *memory_of(const struct facts *facts);

/* A count of KVM's; false, and 0, if it is not known. */
bool kvm_count_of(const struct facts *facts, enum kvm_count_id id,
		  uint64_t *value);

/* May this guest be looked at for a tenth of a second? Not as one of many, nor in a record. */
bool take_look(const struct facts *facts);

#endif
