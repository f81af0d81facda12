/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_WHOLE_H
#define L1TUNE_WHOLE_H

#include <signal.h>

/* Something that is done completely or not at all. */
struct whole {
	sigset_t unblocked;
	struct sigaction of_pipe;
};

/*
 * Between these, signals that end a process wait, and a message that nobody reads is
 * lost without one. Such parts may be within others.
 */
void whole_begin(struct whole *whole);
/* Signals that came meanwhile act now. */
void whole_end(const struct whole *whole);

#endif
