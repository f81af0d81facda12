/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_KVM_THREADS_H
#define L1TUNE_KVM_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/kept-file.h"
#include "model/proc.h"

enum kvm_thread_kind {
	/* The emulated timer 8254. */
	KVM_THREAD_PIT,
	KVM_THREAD_VHOST,
	/* Merges large pages that were split for what a guest executes. */
	KVM_THREAD_NX_RECOVERY,
	NUM_KVM_THREAD_KINDS,
};

/* A kernel thread that works for a process that has a VM. */
struct kvm_thread {
	uint64_t tid;
	enum kvm_thread_kind kind;
	/* The process that it works for, see is_own_number. */
	uint64_t pid;
	/* The PID is as the process itself sees it, in its own namespace. */
	bool is_own_number;
	uint64_t cpu_ns;
	struct kept_file schedstat;
};

/*
 * All of a moment. Those that are threads of the VMM, as newer kernels make
 * them, are not among them: see vmm-workers.h. Begins as zero.
 */
struct kvm_threads {
	bool are_known;
	struct kvm_thread *v;
	size_t num;
	/* Processes whose names need not be read the next time, by PID. */
	struct proc_entry *seen;
	size_t num_seen;
};

/* Lists all processes, and reads the names of those that were not there the last time. */
void kvm_threads_update(const struct env *env, struct kvm_threads *threads);
void kvm_threads_free(struct kvm_threads *threads);

#endif
