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
	/* Of the exit's time. */
	uint64_t ns;
};

/* Free with culprit_free(). */
void culprit_find(const struct slow_exit *exit, struct culprit *culprit);
void culprit_free(struct culprit *culprit);

#endif
