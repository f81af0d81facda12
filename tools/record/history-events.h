/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HISTORY_EVENTS_H
#define L1TUNE_HISTORY_EVENTS_H

#include "record/history-read.h"

/* A line of an event that records have, as record_parse() takes it. */
struct history_event {
	/* CLOCK_REALTIME, as of the record: when it happened, and the record's time. */
	uint64_t time_ns, recorded_ns;
	/* Of the event itself. */
	uint64_t seq;
	char *line;
	/* That of the guest that it is about, as it was then; NULL where the record has none. */
	char *name;
};

struct history_events {
	struct history_event **v;
	size_t num;
};

/* Is a line wanted? What is not takes no memory. */
typedef bool (*history_event_fn)(const char *line, const void *arg);

/* What happened from one time until another, in this order, and each event once. */
void history_events_read(struct history *history, uint64_t start_ns, uint64_t end_ns,
			 history_event_fn is_wanted, const void *arg,
			 struct history_events *events);
void history_events_free(struct history_events *events);

#endif
