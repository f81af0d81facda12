/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_COLLAPSE_PLAN_H
#define L1TUNE_COLLAPSE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "model/guest.h"
#include "model/mapping.h"
#include "model/memslots.h"

/* What becomes of a part of a guest's memory. */
enum collapse_fate {
	FATE_COLLAPSED,
	/* Its pages are there, and it has not been its turn. */
	FATE_POSSIBLE,
	FATE_HUGE,
	/* Not tried. */
	FATE_EDGE,
	FATE_MISALIGNED,
	FATE_LOGGED,
	FATE_WATCHED,
	FATE_ADVISED,
	FATE_DISABLED,
	FATE_FILE,
	FATE_PRIVATE_FILE,
	FATE_OFFSET,
	FATE_DEVICE,
	FATE_UNMAPPED,
	/* By its pages. */
	FATE_ABSENT,
	FATE_SWAPPED,
	FATE_SHARED,
	FATE_UNREADABLE,
	/* The kernel's answer. */
	FATE_PINNED,
	FATE_NO_HUGE_PAGE,
	FATE_NO_CHARGE,
	FATE_REFUSED,
	NUM_FATES
};

struct fate {
	/* In JSON, and in words. */
	const char *name;
	const char *text;
};

extern const struct fate collapse_fates[NUM_FATES];

/* A part of the VMM's memory with a single fate. */
struct collapse_span {
	uint64_t start, end;
	enum backing backing;
	enum collapse_fate fate;
};

struct collapse_plan {
	/* FATE_POSSIBLE ones begin and end at 2 MB, and do not overlap. */
	struct collapse_span *v;
	size_t num;
	/* The guest has more slots than the module lists. */
	bool has_more;
};

/* STATUS_OK, or another exit status after a message. */
int collapse_plan(const struct env *env, const struct guest *guest,
		  struct collapse_plan *plan);
void collapse_plan_free(struct collapse_plan *plan);

#endif
