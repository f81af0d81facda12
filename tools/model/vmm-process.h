/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_VMM_PROCESS_H
#define L1TUNE_VMM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/kept-file.h"
#include "model/vmm.h"
#include "model/vmm-workers.h"

struct vmm_thread {
	uint64_t tid;
	struct kept_file schedstat, cgroup;
};

/*
 * The process of a VMM, looked at again and again. Its files stay open, and its
 * threads are listed again only when one of them ended, a vCPU was added or
 * removed, or not all vCPUs have been found.
 */
struct vmm_process {
	/* created_ns is its VM's, started_ns its own. */
	uint64_t pid, created_ns, started_ns;
	int dir_fd;
	struct kept_file stat, cgroup;
	/* As the process itself sees it; 0 until it was requested. */
	uint64_t own_pid;
	/* The threads that run vCPUs, and for how many vCPUs they were looked for. */
	uint64_t num_vcpus;
	struct vmm_thread *threads;
	size_t num_threads;
	/* Those of the kernel, as of when the threads were listed last. */
	struct vmm_workers workers;
	/* As of the last update: of the process, and of these threads. */
	uint64_t cpu_ns, vcpus_cpu_ns;
	bool is_used;
};

/* 0, or -errno: -ESRCH if the PID is another process's by now. */
int vmm_process_open(struct vmm_process *process, const struct env *env,
		     const struct vmm *vmm);
void vmm_process_close(struct vmm_process *process);

/* 0, or -errno: its contents are then unknown. */
int vmm_process_update(struct vmm_process *process, const struct vmm *vmm);

/* Its PID as the process sees it: the last one, of the innermost namespace. */
uint64_t vmm_process_own_pid(struct vmm_process *process);

#endif
