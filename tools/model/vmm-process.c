// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/proc.h"
#include "model/task.h"
#include "model/vmm-process.h"

#define MAX_STAT	4096
#define MAX_STATUS	(64 << 10)

int vmm_process_open(struct vmm_process *process, const struct env *env,
		     const struct vmm *vmm)
{
	char dir[24];
	int err;

	*process = (struct vmm_process) {
		.pid = vmm->pid, .created_ns = vmm->created_ns,
	};
	snprintf(dir, sizeof(dir), "%llu", (unsigned long long)vmm->pid);
	process->dir_fd = sysfs_open_dir(env->proc_fd, dir);
	if (process->dir_fd < 0)
		return process->dir_fd;
	err = proc_read_start(process->dir_fd, &process->started_ns);
	if (!err && process->started_ns > vmm->created_ns)
		err = -ESRCH;
	if (err)
		close(process->dir_fd);
	return err;
}

static void drop_threads(struct vmm_process *process)
{
	size_t i;

	for (i = 0; i < process->num_threads; i++) {
		kept_file_close(&process->threads[i].schedstat);
		kept_file_close(&process->threads[i].cgroup);
	}
	free(process->threads);
	process->threads = NULL;
	process->num_threads = 0;
}

void vmm_process_close(struct vmm_process *process)
{
	drop_threads(process);
	vmm_workers_free(&process->workers);
	kept_file_close(&process->stat);
	kept_file_close(&process->cgroup);
	close(process->dir_fd);
}

static void keep_threads(struct vmm_process *process, const struct vmm *vmm,
			 const uint64_t *tids, size_t num)
{
	size_t i;

	drop_threads(process);
	process->num_vcpus = vmm->num_vcpus;
	process->threads = xcalloc(num, sizeof(*process->threads));
	process->num_threads = num;
	for (i = 0; i < num; i++)
		process->threads[i].tid = tids[i];
}

/*
 * The module knows them for certain. In /proc a thread that never was in the guest
 * at a tick of the clock looks like any other.
 */
static int find_threads(struct vmm_process *process, const struct vmm *vmm)
{
	struct vcpu_threads found;
	int err;

	vmm_workers_free(&process->workers);
	vmm_workers_find(process->dir_fd, &process->workers);
	if (vmm->num_tids) {
		keep_threads(process, vmm, vmm->tids, vmm->num_tids);
		return 0;
	}
	err = vcpu_threads_find(process->dir_fd, vmm->num_vcpus, &found);
	keep_threads(process, vmm, found.tids, err ? 0 : found.num);
	vcpu_threads_free(&found);
	return err;
}

static int read_thread(const struct vmm_process *process, struct vmm_thread *thread,
		       uint64_t *cpu_ns)
{
	char dir[32];

	snprintf(dir, sizeof(dir), "task/%llu", (unsigned long long)thread->tid);
	return task_read_kept_cpu_ns(&thread->schedstat, process->dir_fd, dir, cpu_ns);
}

static int read_threads(struct vmm_process *process)
{
	uint64_t cpu_ns;
	size_t i;
	int err;

	process->vcpus_cpu_ns = 0;
	for (i = 0; i < process->num_threads; i++) {
		err = read_thread(process, &process->threads[i], &cpu_ns);
		if (err)
			return err;
		process->vcpus_cpu_ns = add_saturated(process->vcpus_cpu_ns, cpu_ns);
	}
	return 0;
}

/* The whole comes first, so that it is not more than its part later. */
int vmm_process_update(struct vmm_process *process, const struct vmm *vmm)
{
	char text[MAX_STAT];
	struct task task;
	int err = kept_file_read(&process->stat, process->dir_fd, "stat", text, sizeof(text));

	err = err < 0 ? err : task_parse(text, &task);
	if (err)
		return err;
	process->cpu_ns = task.cpu_ns;
	if (process->num_vcpus == vmm->num_vcpus &&
	    process->num_threads == vmm->num_vcpus && !read_threads(process))
		return 0;
	err = find_threads(process, vmm);
	return err ? err : read_threads(process);
}

uint64_t vmm_process_own_pid(struct vmm_process *process)
{
	char *text, *line;
	size_t len;

	if (process->own_pid)
		return process->own_pid;
	process->own_pid = process->pid;
	text = file_read(process->dir_fd, "status", MAX_STATUS, &len);
	line = text ? strstr(text, "\nNSpid:") : NULL;
	if (line) {
		line[1 + strcspn(line + 1, "\n")] = '\0';
		process->own_pid = strtoull(strrchr(line, '\t') ? strrchr(line, '\t') : "",
					    NULL, 10);
	}
	free(text);
	return process->own_pid;
}
