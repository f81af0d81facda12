/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TIMELINE_H
#define L1TUNE_TIMELINE_H

#include <jansson.h>

#include "model/snapshot.h"

/* What all guests did, step after step. */
struct timeline {
	json_t *points;
	/* Where the next step begins. */
	struct snapshot last;
	bool has_last;
};

void timeline_start(struct timeline *timeline);

/*
 * The next moment, which it takes over: one more point, about the time since the
 * moment before, of the guests that there are now. Between moments of two loads of
 * the module there is no point.
 */
void timeline_add(struct timeline *timeline, struct snapshot *snapshot);

/* There is no moment here: the next one begins a step and ends none. */
void timeline_break(struct timeline *timeline);

/* The points, an array. */
json_t *timeline_finish(struct timeline *timeline);

#endif
