/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_VMM_WORKERS_H
#define L1TUNE_VMM_WORKERS_H

#include "model/kvm-threads.h"

/*
 * The kernel's threads for a guest that are threads of its VMM: vhost's from Linux 6.4
 * on, and the one that merges split pages from 6.12 on. Begins as zero.
 */
struct vmm_worker {
	uint64_t tid;
	enum kvm_thread_kind kind;
	struct kept_file schedstat;
};

struct vmm_workers {
	struct vmm_worker *v;
	size_t num;
};

/* Finds those of a directory /proc/PID by their names. */
void vmm_workers_find(int dirfd, struct vmm_workers *workers);
/* The CPU time of one; 0, or -errno. */
int vmm_worker_read(struct vmm_worker *worker, int dirfd, uint64_t *cpu_ns);
void vmm_workers_free(struct vmm_workers *workers);

#endif
