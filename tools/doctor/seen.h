/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SEEN_H
#define L1TUNE_SEEN_H

#include "doctor/trial.h"

/* What the module says of a trial's guest in its events. */
enum seen {
	SEEN_BEGIN	= 1 << 0,
	SEEN_EXITS	= 1 << 1,
	SEEN_END	= 1 << 2,
	SEEN_ALL	= SEEN_BEGIN | SEEN_EXITS | SEEN_END,
};

/*
 * The module shows a guest once it has lived for 100 ms. Waits for that, for a second at
 * most: a trial's guest that ends before leaves no event.
 */
void trial_wait_until_shown(const struct env *env, const struct trial *trial);

/*
 * Hooks that are in place and are not called are worse than none: did they tell the
 * module of the trial's guest? False where that cannot be looked at, or no guest ran.
 */
bool trial_was_seen(const struct env *env, const struct trial *trial, unsigned int *seen);

/* Of the lines of l1/events: what is said there of the guest of a process, since a time. */
unsigned int seen_in_events(const char *events, long pid, uint64_t since_ns);

#endif
