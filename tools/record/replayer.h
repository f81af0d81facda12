/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_REPLAYER_H
#define L1TUNE_REPLAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "model/past.h"
#include "record/history-read.h"

/* A history as a past to look at. */
struct replayer {
	struct past past;
	struct history history;
};

/*
 * The record that is in effect at a time (CLOCK_REALTIME): the last one until
 * then, unless there should have been others since. NULL after a message.
 */
const struct moment *replayer_find(struct replayer *replayer, uint64_t time_ns);

/*
 * Narrows a window to what was recorded of it: from the first record in it, if none
 * is in effect when it begins, to the last one. False after a message.
 */
bool replayer_fit(struct replayer *replayer, uint64_t *start_ns, uint64_t *end_ns);

/* The events member of struct past. */
int replayer_events(struct past *past, uint64_t start_ns, uint64_t end_ns,
		    past_event_fn fn, void *arg);

/* The gone member of struct past. */
int replayer_gone(struct past *past, past_gone_fn fn, void *arg);

/* 0, or -errno. Close in every case. */
int replayer_open(struct replayer *replayer, const char *dir);
void replayer_close(struct replayer *replayer);

#endif
