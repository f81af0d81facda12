/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MEMSLOTS_H
#define L1TUNE_MEMSLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

/* What KVM can map at once, if the memory is so. */
#define HUGE_BYTES	(2ULL << 20)

/* Which guest-physical addresses are which addresses of the VMM. */
struct memslot {
	/* 1 for what is only there in System Management Mode. */
	uint64_t space;
	uint64_t number;
	uint64_t gpa;
	uint64_t bytes;
	uint64_t hva;
	/* KVM logs which pages are written, and maps small pages for that. */
	bool is_logged;
	/* What the guest keeps for itself is in a guest_memfd, and not at hva. */
	bool is_private;
};

struct memslots {
	struct memslot *v;
	size_t num;
	/* There are more, which the module does not list. */
	bool has_more;
	/*
	 * KVM's count of changes to the slots outside System Management Mode: from 0, and one
	 * or two more for each step. To remove or to move a slot takes two steps. It is not
	 * known of a guest without such slots.
	 */
	bool is_generation_known;
	uint64_t generation;
};

/*
 * Those of a guest, by space and gpa. 0, or -errno: -EAGAIN if they
 * kept changing while they were read, -EBADMSG if the file is not understood.
 */
int memslots_read(const struct env *env, uint64_t guest_id, struct memslots *slots);
void memslots_free(struct memslots *slots);

/* KVM maps 2M at once only where a slot's guest and VMM addresses agree modulo 2M. */
bool memslot_is_misaligned(const struct memslot *slot);

#endif
