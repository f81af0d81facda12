/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_WATCH_LOG_H
#define L1TUNE_WATCH_LOG_H

#include <stdint.h>
#include <sys/types.h>

#include "base/util.h"
#include "record/event-log.h"

/* Beyond this size, entries that l1tune record has not taken are dropped, and that is noted. */
#define WATCH_LOG_MOST_BYTES	16384

/*
 * Stores an event of l1tune watch for l1tune record: CLOCK_BOOTTIME in this boot and
 * KEY=VALUE words. Does nothing where nothing was ever recorded, or without permission
 * to write to the state directory.
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
