/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HISTORY_REST_H
#define L1TUNE_HISTORY_REST_H

#include "record/event-log.h"
#include "record/segment.h"

/*
 * What a recorder that was killed has left. Tiers of less frequent records have each
 * event with their next record; until then, and on the disk, only the finest tier has it.
 */
struct history_rest {
	/* The last one of the finest tier; empty if there is none. */
	struct moment last;
	/* For each other tier, the events that the finest has recorded since its last record. */
	struct event_log events[NUM_TIERS];
};

/* Reads the history in a directory: 0, or -errno. Free in every case. */
int history_rest_read(struct history_rest *rest, const char *dir);
void history_rest_free(struct history_rest *rest);

#endif
