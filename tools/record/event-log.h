/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EVENT_LOG_H
#define L1TUNE_EVENT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

/* Called for an event that is not the module's: CLOCK_BOOTTIME, KEY=VALUE words. */
typedef void (*event_words_fn)(uint64_t time_ns, const char *words, void *arg);

/* Lines of l1/events, and those of the recorder, that are in no record yet. */
struct event_log {
	/* Which load of the module, and the last line that was read of it. */
	uint64_t loaded_ns;
	uint64_t seq;
	char **lines;
	size_t num;
	size_t num_bytes;
	/* How many of the lines are of guests that ended. */
	size_t num_gone;
	/* There was no room for all: the first line says so, and since when. */
	bool is_lossy;
	uint64_t lost_ns;
};

/* Adds what there is now. What cannot be read adds nothing. */
void event_log_read(struct event_log *log, const struct env *env, uint64_t loaded_ns);
/*
 * Adds an event of the recorder's own, as if it were one of the module:
 * CLOCK_BOOTTIME and KEY=VALUE words.
 */
void event_log_add(struct event_log *log, uint64_t time_ns, const char *words);
/* Adds a line that is the log's from then on. */
void event_log_take(struct event_log *log, char *line);
void event_log_clear(struct event_log *log);

#endif
