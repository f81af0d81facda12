/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BALLOON_H
#define L1TUNE_BALLOON_H

#include "explain/cause.h"

/* A clue: does the VMM take back what the guest frees, by its command line? */
enum answer takes_back_memory(const struct facts *facts, char **seen);

/* A clue: is less of the guest's memory mapped at the interval's end than before? */
enum answer loses_memory(const struct facts *facts, char **seen);

#endif
