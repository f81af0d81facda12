/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TMPFS_H
#define L1TUNE_TMPFS_H

#include "base/env.h"

/* The mounted tmpfs that has a file, as a process sees it. */
struct tmpfs {
	/* Where it is mounted. */
	char mount[256];
	/* Its option huge=: "never" if it has none. */
	char huge[16];
};

/* 0, or -errno: -ENOENT if no tmpfs has the file. */
int tmpfs_read(const struct env *env, uint64_t pid, const char *path, struct tmpfs *tmpfs);

#endif
