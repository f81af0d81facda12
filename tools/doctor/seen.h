/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SEEN_H
#define L1TUNE_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"

/* What the module's events say of a guest of this process. */
enum seen {
	SEEN_BEGIN	= 1 << 0,
	SEEN_EXITS	= 1 << 1,
	SEEN_END	= 1 << 2,
	SEEN_ALL	= SEEN_BEGIN | SEEN_EXITS | SEEN_END,
};

/*
 * The module shows a guest once it has lived for 100 ms. Waits for that, for a second at
 * most: a guest that ends before leaves no event.
 */
void seen_wait_for_begin(const struct env *env, uint64_t since_ns);

/*
 * Hooks that are attached and not called are worse than none: did they report a guest of
 * this process that began after SINCE_NS (CLOCK_BOOTTIME) and has ended? False if the
 * events cannot be read, or some are lost.
 */
bool seen_of_guest(const struct env *env, uint64_t since_ns, unsigned int *seen);

/* What is missing, "start and end": exits are reported at the end only. To be freed. */
char *seen_list_missed(unsigned int seen);

/* What lines of l1/events say of the guest of a process, since a time. */
unsigned int seen_in_events(const char *events, long pid, uint64_t since_ns);

#endif
