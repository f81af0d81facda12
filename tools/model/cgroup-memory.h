/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CGROUP_MEMORY_H
#define L1TUNE_CGROUP_MEMORY_H

#include "model/cgroup.h"

/* What a cgroup limits its memory to, or the number of its tasks. */
struct memory_limit {
	/* The file's name: in version 1 memory.limit_in_bytes is what memory.max is. */
	const char *file;
	/* Whose it is, from the mount on. */
	const char *cgroup;
	/* Of pids.max tasks. */
	uint64_t bytes;
	bool is_use_known;
	uint64_t used;
};

/*
 * The directory of the cgroup that limits the memory of a process, and the mount that it
 * is in; NULL if it cannot be known.
 */
char *cgroup_memory_directory_of(const struct env *env, const struct cgroup_mounts *mounts,
				 uint64_t pid, const char **mount);

/*
 * Calls LOOK for each limit of a directory and those above it, the directory's first. File
 * is memory.high, pids.max, or memory.max, which stands for that of version 1 too.
 */
void memory_limits_look_at(const char *directory, const char *mount, const char *file,
			   void (*look)(const struct memory_limit *limit, void *arg), void *arg);

/*
 * "memory.high of /a/b.scope is 64M, of which 60M are used": the limit of which most is
 * used. A copy, or NULL if there is none or it cannot be read. *share is the part that is
 * used: above 1 of memory.high the kernel makes whoever takes more memory sleep.
 */
char *cgroup_fullest(const char *directory, const char *mount, const char *file,
		     double *share);

#endif
