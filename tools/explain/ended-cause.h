/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ENDED_CAUSE_H
#define L1TUNE_ENDED_CAUSE_H

#include "base/util.h"
#include "explain/load.h"
#include "explain/sentences.h"
#include "model/gone.h"

/*
 * Why a guest ended, in words that come from what its record has. confidence is
 * "high" where the record shows it, "medium" where it fits and something else was not
 * ruled out, "low" where only the kind of end is known.
 */
struct ended {
	char *cause;
	const char *confidence;
	struct sentences evidence;
	struct sentences ruled_out;
	/* What else fits. */
	struct sentences open;
	/* How to find out more, or NULL. */
	const char *next;
	/* That, if it was put together. */
	char *made_next;
};

/* Sets the cause. */
__printf(3, 4) void ended_conclude(struct ended *ended, const char *confidence,
				   const char *fmt, ...);

/* Is it for one of these reasons? False of no exit. */
bool ended_exit_is(const struct gone_exit *e, const struct reasons *reasons);

#endif
