/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MEMORY_H
#define L1TUNE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "model/guest.h"
#include "model/mapping.h"

struct guest_memory {
	bool is_read;
	/* 0, or -errno: why nothing is known. */
	int err;
	/* The mapping that has most of the guest's memory. */
	struct mapping mapping;
	/* Of all mappings that have some of it, as far as the slots are known. */
	uint64_t swapped_bytes, file_bytes;
	bool is_watched, is_served, is_mergeable;
	/* All slots, and those with dirty logging: 0 and 0 if they cannot be read. */
	uint64_t slot_bytes, logged_bytes;
	/* Those whose memory is in a guest_memfd. */
	uint64_t private_bytes;
	/* Those that KVM never maps in 2M: guest and VMM addresses differ modulo 2M. */
	uint64_t misaligned_bytes;
	/* The process may have no transparent huge pages: PR_SET_THP_DISABLE. */
	bool is_disabled;
};

/*
 * By /proc/PID/smaps, for which the kernel walks the VMM's page tables once:
 * only for a guest whose faults are to be explained.
 */
void guest_memory_read(const struct env *env, const struct guest *guest,
		       struct guest_memory *memory);

/* "anonymous memory", "memfd or other shared memory", "a file, /a/b, mapped privately". A copy. */
char *backing_text(const struct guest_memory *memory);

#endif
