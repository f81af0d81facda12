/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PROOF_H
#define L1TUNE_PROOF_H

#include "base/env.h"

/*
 * Runs a guest of one instruction: do the module's hooks report it? Returns what they
 * missed, "its start and end", to be freed; NULL if nothing, or if it could not be tried.
 */
char *proof_missed(const struct env *env);

#endif
