/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MAPPING_H
#define L1TUNE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

/* What backs memory of a process. */
enum backing {
	BACKING_ANONYMOUS,
	/* memfd, shared anonymous memory, System V: of the kernel's own tmpfs. */
	BACKING_SHMEM,
	/* A file in a mounted tmpfs. */
	BACKING_TMPFS,
	BACKING_HUGETLB,
	/* A file of a disk: a snapshot that is mapped, say. */
	BACKING_FILE,
	/* KVM's own, for memory that the VMM does not map: see guest_memory_read(). */
	BACKING_GUEST_MEMFD,
	NUM_BACKINGS,
};

/* "anonymous memory", "a file in tmpfs" */
extern const char *const backing_names[NUM_BACKINGS];

/* A mapping of a process, as its smaps has it. */
struct mapping {
	uint64_t start, end, offset;
	bool is_writable, is_private;
	enum backing backing;
	/* Of files, as the process has it mapped; empty otherwise. */
	char path[256];
	/* The process's madvise: MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE. */
	bool is_advised, is_refused, is_mergeable;
	/* A userfaultfd watches it; and serves what is missing, not only writes. */
	bool is_watched, is_served;
	/* Memory of a device, without pages of the kernel. */
	bool is_device;
	/* In huge pages: transparent ones, mapped as such. */
	uint64_t huge_bytes;
	uint64_t swapped_bytes;
};

/*
 * By /proc/PID/smaps, for which the kernel walks the page tables once: in the
 * order of their addresses, to free. 0, or -errno.
 */
int mappings_read(const struct env *env, uint64_t pid, struct mapping **mappings,
		  size_t *num);

/*
 * Is it a private mapping of a file, or of a tmpfs or memfd? Writing a page of it copies
 * 4K, whatever the file's page size. hugetlbfs is excluded: it copies whole huge pages.
 */
bool mapping_is_private_file(const struct mapping *mapping);

/* The process may have no transparent huge pages: PR_SET_THP_DISABLE. */
bool mappings_are_disabled(const struct env *env, uint64_t pid);

#endif
