/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TOGETHER_H
#define L1TUNE_TOGETHER_H

#include "explain/facts.h"

/* Is there one change that applies to many guests? */
bool can_be_together(const struct advice *advice);

/*
 * Makes one piece of advice of those with the same name, where their sum is worth
 * a change, and adds it to a list. Frees what it is given.
 */
void advise_together(struct advice *some, size_t num_some, struct advice **list,
		     size_t *num);

#endif
