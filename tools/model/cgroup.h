/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CGROUP_H
#define L1TUNE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"

/* What may have a hierarchy of version 1. */
enum v1_controller { V1_CPU, V1_FREEZER, V1_MEMORY, NUM_V1_CONTROLLERS };

/* Where the hierarchies are mounted; or NULL. */
struct cgroup_mounts {
	char *v1[NUM_V1_CONTROLLERS];
	char *v2;
	/* Says when they change. */
	bool is_watched;
	int watch_fd;
};

/* Begins as zero; reads them again only when the kernel says that mounts changed. */
void cgroup_mounts_update(const struct env *env, struct cgroup_mounts *mounts);
void cgroup_mounts_free(struct cgroup_mounts *mounts);

/* NULL if this machine has cgroups of version 2, or why not. */
const char *cgroup_why_no_v2(const struct env *env);

/*
 * The directory of the cgroup that rules the CPU time of a process or thread,
 * by its file /proc/PID/cgroup; NULL if it cannot be known. *mount is the part
 * of it at which the hierarchy begins.
 */
char *cgroup_cpu_directory(const struct cgroup_mounts *mounts, const char *text,
			   const char **mount);

/* The same of memory. */
char *cgroup_memory_directory(const struct cgroup_mounts *mounts, const char *text,
			      const char **mount);

/* Is that in version 1, which has no memory.high? */
bool cgroup_memory_is_v1(const char *text);

/* Is it the root of that hierarchy, which has no quota, mounted or not? */
bool cgroup_is_cpu_root(const struct env *env, const char *text);

/*
 * Is the cgroup frozen, or one above it, of a process with that file
 * /proc/PID/cgroup? False also if it cannot be known.
 */
bool cgroup_is_frozen(const struct cgroup_mounts *mounts, const char *text);

/* The path of version 2 in that file, from the root that the reader sees; a copy or NULL. */
char *cgroup_v2_path(const char *text);

/* The directory of version 2 of a process with that file; NULL if there is none. */
char *cgroup_v2_directory(const struct cgroup_mounts *mounts, const char *text);

/*
 * "cpu.max of /a/b.scope is 0.20 CPUs": of a directory and those above it the
 * one that allows least. A copy, or NULL if none limits or can be read.
 * *longest_us is the longest of their periods.
 */
char *cgroup_tightest_quota(const char *directory, const char *mount,
			    double *longest_us);

/*
 * "cpu.weight of /a/b.scope is 4, by default it is 100", or the same of cpu.idle: of a
 * directory and those above it the one with the least share of its siblings' CPUs. A copy,
 * or NULL if none has less than the default or can be read.
 */
char *cgroup_least_weight(const char *directory, const char *mount);

#endif
