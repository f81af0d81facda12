/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_NESTED_H
#define L1TUNE_NESTED_H

#include "model/exits.h"

/* Does the file count guests inside the guest? */
bool nested_is_known(const struct exit_stats *stats);

/*
 * Exits that this machine takes, of L3 and of what L2 does to run it: over
 * STAT_L3_EXITS_LEFT they are the exits here for each that L2 sees.
 */
uint64_t nested_exits(const struct exit_stats *stats);

#endif
