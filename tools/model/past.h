/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PAST_H
#define L1TUNE_PAST_H

#include <stdbool.h>
#include <stdint.h>

struct event;
struct host;
struct snapshot;

/* Returns STATUS_OK to go on; the event and the host are the caller's. */
typedef int (*past_event_fn)(const struct host *host, struct event *event, void *arg);
/* The same, with a text as a file of l1/gone has it, which may be changed. */
typedef int (*past_gone_fn)(char *text, void *arg);

/*
 * What an environment has instead of a machine to look at: records of it. The
 * time is that of wait_in_past().
 */
struct past {
	/* How far apart it is looked at within an interval; 0: at each record. */
	uint64_t step_ns;
	/* From the record that was read last to the one after it. */
	uint64_t interval_ns;
	/* What was asked for begins and ends there; a moment has no start. */
	bool is_moment;
	uint64_t start_ns, end_ns;
	/*
	 * The machine and all its guests at that time, to be freed by the caller in
	 * every case: STATUS_OK, or STATUS_FAILED after a message.
	 */
	int (*read)(struct past *past, struct host *host, struct snapshot *snapshot);
	/*
	 * Moves a time to that of a record: the first one after it, or the last one
	 * until then. False, and the time stays, if there is none.
	 */
	bool (*find)(struct past *past, bool is_after, uint64_t *time_ns);
	/* Events that happened between two times, in their order; an exit status. */
	int (*events)(struct past *past, uint64_t start_ns, uint64_t end_ns,
		      past_event_fn fn, void *arg);
	/* Guests that had ended, each once, in the order of their ids; an exit status. */
	int (*gone)(struct past *past, past_gone_fn fn, void *arg);
};

#endif
