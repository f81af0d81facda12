/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_RECORDER_H
#define L1TUNE_RECORDER_H

#include "explain/advice-log.h"
#include "record/canary-run.h"
#include "record/event-log.h"
#include "record/gone-log.h"
#include "record/history-rest.h"
#include "record/history-write.h"
#include "record/move-log.h"
#include "record/watch-log.h"
#include "ui/options.h"

struct recorder {
	struct options *options;
	struct history_writer writer;
	/* What the one before could not write. */
	struct history_rest rest;
	/* Since the last moment, without names of guests. */
	struct event_log news;
	/* Of each tier, as each has all events. */
	struct event_log events[NUM_TIERS];
	struct gone_log gone;
	struct watch_log watch;
	struct advice_log advice;
	struct move_log move;
	uint64_t due_ns[NUM_TIERS];
	struct guest_cache cache;
	uint64_t loaded_ns;
	/* CLOCK_BOOTTIME of the last moment. */
	uint64_t taken_ns;
	bool is_open;
	/* With --canary. */
	struct canary_run canary;
};

/* The machine now; an exit status, STATUS_NO_MODULE while there is none. */
int recorder_read_host(struct recorder *recorder, struct host *host);
/* A moment, and what happened until then. Guests that could not be read are left out. */
int recorder_take(struct recorder *recorder, struct moment *moment);

/* Is it time for a record of that tier? */
bool recorder_is_due(const struct recorder *recorder, enum tier tier);
/*
 * Writes a moment to each tier that is due, and takes it over. An exit status: events
 * that could not be written stay for the next one.
 */
int recorder_write(struct recorder *recorder, struct moment *moment);
/* At the end: events that tiers have not written yet, with the last moment. */
void recorder_write_rest(struct recorder *recorder);

/* To the journal or to syslog. */
void recorder_warn(const char *text);

#endif
