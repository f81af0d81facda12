/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BESIDE_H
#define L1TUNE_BESIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "model/cgroup.h"
#include "model/cgroup-times.h"
#include "model/kvm-threads.h"
#include "model/vmm.h"
#include "model/vmm-process.h"

/*
 * A cumulative time, and what it is the time of: two readings can be subtracted only if
 * that is the same. is_known: the time since the guest's counts begin. is_read only: it
 * may include time before that, so only differences are meaningful.
 */
struct tally {
	bool is_read;
	bool is_known;
	uint64_t ns;
	uint64_t of;
};

/* What the module does not count, but /proc and the cgroups do. */
struct beside {
	/* CPU time of other threads than vCPUs, at most. */
	struct tally helpers;
	/* What of that was KVM's own threads', for the process. */
	struct tally kernel[NUM_KVM_THREAD_KINDS];
	/* For how long the vCPUs had no CPU because of quotas, at most. */
	struct tally quota;
	/* For how long they held CPUs back, each cgroup counted once; in no record. */
	struct tally throttled;
	/* When the process started; 0 if that is not known, as of what was recorded. */
	uint64_t started_ns;
};

/*
 * What guests have in common, and what stays open between two looks at them.
 * Begins as zero.
 */
struct beside_reader {
	const struct env *env;
	struct kvm_threads kernel_threads;
	struct cgroup_mounts mounts;
	struct cgroup_times times;
	/* By PID. */
	struct vmm_process *processes;
	size_t num_processes;
};

/* One look: begin, read each guest, end. */
void beside_begin(struct beside_reader *reader, const struct env *env);
void beside_read(struct beside_reader *reader, const struct vmm *vmm,
		 struct beside *beside);
void beside_end(struct beside_reader *reader);
void beside_free(struct beside_reader *reader);

void beside_subtract(const struct beside *before, const struct beside *after,
		     struct beside *diff);
/*
 * For a guest whose counts begin at begin_ns: it is new in the interval, or older than
 * the module. How much of the times of its process and cgroups is from before is unknown.
 */
void beside_begin_at(uint64_t begin_ns, struct beside *beside);

#endif
