/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_GONE_LOG_H
#define L1TUNE_GONE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

/* Which of the guests that ended were taken: the module keeps the last ones. */
struct gone_log {
	uint64_t loaded_ns;
	uint64_t *ids;
	size_t num;
};

/* ended_ns: CLOCK_BOOTTIME. words: KEY=VALUE, of an event. */
typedef void (*gone_log_fn)(uint64_t ended_ns, const char *words, void *arg);

/*
 * Those that were not taken yet, each once. Of a record that is long, or of many at once,
 * the last lines are left out: users decide how many guests end, and how often.
 */
void gone_log_read(struct gone_log *log, const struct env *env, uint64_t loaded_ns,
		   gone_log_fn fn, void *arg);
void gone_log_free(struct gone_log *log);

#endif
