/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CGROUP_H
#define L1TUNE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"

/* Where the hierarchies are mounted that have the CPU controller; or NULL. */
struct cgroup_mounts {
	char *v1_cpu;
	char *v2;
};

void cgroup_mounts_read(const struct env *env, struct cgroup_mounts *mounts);
void cgroup_mounts_free(struct cgroup_mounts *mounts);

/*
 * The directory of the cgroup that rules the CPU time of a process or thread,
 * by its file /proc/PID/cgroup; NULL if it cannot be known. *mount is the part
 * of it at which the hierarchy begins.
 */
char *cgroup_cpu_directory(const struct cgroup_mounts *mounts, const char *text,
			   const char **mount);

/*
 * For how long quotas (cpu.max) of a directory and those above it have held
 * back CPUs' run queues, in the sum of CPUs and levels. 0, or -errno.
 *
 * The kernel counts it per CPU: a thread on that run queue waited no longer, but
 * several threads on it waited as long each. It is counted when a wait has ended.
 */
int cgroup_throttled_ns(const char *directory, const char *mount, uint64_t *ns);

/*
 * "cpu.max of /a/b.scope is 0.20 CPUs": of a directory and those above it the
 * one that allows least. A copy, or NULL if none limits or can be read.
 */
char *cgroup_tightest_quota(const char *directory, const char *mount);

#endif
