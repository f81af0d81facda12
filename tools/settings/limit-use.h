/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LIMIT_USE_H
#define L1TUNE_LIMIT_USE_H

#include "settings/limit.h"

/* How much of a limit is used, by the guest or user with the highest use. */
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

/*
 * Says so if a limit that is set, or an audit threshold, is below what is in use
 * already: that is not taken back.
 */
void limit_complain_below_use(const struct limit *limit,
			      const struct limit_use *use);

/* What is left of it; false if that is not known. */
bool limit_headroom(uint64_t limit, const struct limit_use *use,
		    uint64_t *headroom);

#endif
