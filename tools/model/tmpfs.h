/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TMPFS_H
#define L1TUNE_TMPFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* The devices of each tmpfs that a process sees, in order; none if they cannot be read. */
struct tmpfs_devices {
	uint64_t *v;
	size_t num;
};

void tmpfs_devices_read(const struct env *env, uint64_t pid, struct tmpfs_devices *devices);
bool tmpfs_devices_have(const struct tmpfs_devices *devices, unsigned int major,
			unsigned int minor);
void tmpfs_devices_free(struct tmpfs_devices *devices);

#endif
