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
 * Returns how the machine differs from the last look, or at the first look, from what
 * was saved in this boot or an earlier one, as a text to free; NULL if it does not.
 * The first look saves the machine unless that was done in this boot.
 */
char *move_log_look(struct move_log *log, const struct env *env);
/* The event of it, "EVENT=moved CHANGES=...", to free. */
char *move_log_words(const char *changes);

#endif
