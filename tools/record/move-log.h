/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MOVE_LOG_H
#define L1TUNE_MOVE_LOG_H

#include "model/identity.h"

/* The machine as it was when it was last looked at, or begins as zero. */
struct move_log {
	bool has_last;
	struct identity last;
};

/*
 * Looks again: what differs from the last time or, the first time, from what is
 * saved of this boot or of one before, in words to free; NULL if nothing does. The
 * first time it saves what there is if nothing of this boot is saved.
 */
char *move_log_look(struct move_log *log, const struct env *env);
/* The event of it, "EVENT=moved CHANGES=...", to free. */
char *move_log_words(const char *changes);

#endif
