/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MEMORY_H
#define L1TUNE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "model/guest.h"

/* What is behind a guest's memory in its VMM. */
enum backing {
	BACKING_ANONYMOUS,
	/* memfd, shared anonymous memory, System V: of the kernel's own tmpfs. */
	BACKING_SHMEM,
	/* A file in a tmpfs that is mounted somewhere. */
	BACKING_TMPFS,
	BACKING_HUGETLB,
	/* A file of a disk: a snapshot that is mapped, say. */
	BACKING_FILE,
};

struct guest_memory {
	bool is_read;
	/* 0, or -errno: why nothing is known. */
	int err;
	enum backing backing;
	/* Of files, as the VMM has it mapped; empty otherwise. */
	char path[256];
	bool is_private;
	/* The VMM's madvise: MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE. */
	bool is_advised, is_refused, is_mergeable;
	/* The process may have no transparent huge pages: PR_SET_THP_DISABLE. */
	bool is_disabled;
	/* A userfaultfd watches it. */
	bool is_watched;
	uint64_t bytes, swapped_bytes;
};

/*
 * By /proc/PID/smaps, for which the kernel walks the VMM's page tables once:
 * only for a guest whose faults are to be explained.
 */
void guest_memory_read(const struct env *env, const struct guest *guest,
		       struct guest_memory *memory);

/* "anonymous memory", "memfd or other shared memory", "file /a/b". A copy. */
char *backing_text(const struct guest_memory *memory);

#endif
