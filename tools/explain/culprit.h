/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CULPRIT_H
#define L1TUNE_CULPRIT_H

#include "model/slow.h"

/* Who took most of the time of a slow exit. */
struct culprit {
	/* "vhost-104 had the CPU": exits of which this is the same are one row. */
	char *text;
	/* One word for programs: a part of the time, or "stolen". */
	const char *kind;
	/* Its part of the exit's time. */
	uint64_t ns;
};

/*
 * On a virtualized machine without a steal clock L0 may have had the CPU in any part that
 * is on one, which is said. Free with culprit_free().
 */
void culprit_find(const struct slow_exit *exit, bool is_virtualized, struct culprit *culprit);
void culprit_free(struct culprit *culprit);

#endif
