/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_VMM_H
#define L1TUNE_VMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The process of a guest, as far as its threads and cgroups matter. There may
 * be several VMs in one process.
 */
struct vmm {
	uint64_t pid;
	/* Of all its VMs, those without vCPUs left out. */
	size_t num_vms;
	uint64_t num_vcpus;
	/* When its first VM was created: a later process only has the same PID. */
	uint64_t created_ns;
	/* The threads that run its vCPUs, where the module was asked for them. */
	uint64_t *tids;
	size_t num_tids;
};

/* The threads of a VMM that run vCPUs, as far as they can be recognised. */
struct vcpu_threads {
	uint64_t *tids;
	size_t num;
	uint64_t cpu_ns;
};

/*
 * Looks at the threads of a directory /proc/PID until as many vCPUs are found:
 * those that have run guest code, and those that VMMs call so. 0, or -errno;
 * -E2BIG if there are more threads than it looks at.
 */
int vcpu_threads_find(int dirfd, uint64_t num_vcpus, struct vcpu_threads *threads);
void vcpu_threads_free(struct vcpu_threads *threads);

#endif
