/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_WATCH_LOG_H
#define L1TUNE_WATCH_LOG_H

#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"
#include "record/event-log.h"

/* What is not taken for long is not kept: so much, and that there was more. */
#define WATCH_LOG_MOST_BYTES	16384

/*
 * Leaves what l1tune watch found for l1tune record: CLOCK_BOOTTIME of that boot and
 * KEY=VALUE words of an event. Nothing is left where nothing was ever recorded, and by
 * who may not write to the state directory.
 */
__printf(4, 5) void watch_log_add(const char *state, const char *boot_id, uint64_t time_ns,
				  const char *fmt, ...);

/* How much of the file was taken. */
struct watch_log {
	off_t taken;
};

/* Takes what was left in this boot, in its order, and was not taken yet. */
void watch_log_take(struct watch_log *log, const char *state, const char *boot_id,
		    event_words_fn fn, void *arg);
/* Once what was taken is on the disk: until then another recorder takes it again. */
void watch_log_drop(struct watch_log *log, const char *state);

#endif
