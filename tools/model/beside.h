/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BESIDE_H
#define L1TUNE_BESIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "model/cgroup.h"
#include "model/kvm-threads.h"
#include "model/vmm.h"

/* A time that grows, and of what it is: a difference needs the same of both. */
struct tally {
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
};

/* What is read once for all guests. */
struct beside_reader {
	const struct env *env;
	struct kvm_threads kernel_threads;
	struct cgroup_mounts mounts;
};

void beside_open(struct beside_reader *reader, const struct env *env);
void beside_read(const struct beside_reader *reader, const struct vmm *vmm,
		 struct beside *beside);
void beside_close(struct beside_reader *reader);

void beside_subtract(const struct beside *before, const struct beside *after,
		     struct beside *diff);

#endif
