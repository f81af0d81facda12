/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LIMIT_USE_H
#define L1TUNE_LIMIT_USE_H

#include "settings/limit.h"

/* How much of a limit is used, by whoever uses most of it. */
struct limit_use {
	bool is_known;
	uint64_t value;
	/* "uid 107" or "l2-3"; empty for all of this machine. */
	char of[32];
};

/*
 * In the order of limit_kinds. Of users and single guests nothing is known to
 * who may not see guests.
 */
void limit_uses_read(const struct env *env, const struct host *host,
		     struct limit_use uses[NUM_LIMITS]);

/* What is left of it; false if that is not known. */
bool limit_headroom(uint64_t limit, const struct limit_use *use,
		    uint64_t *headroom);

#endif
