/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_GONE_LOG_H
#define L1TUNE_GONE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "record/event-log.h"

/* Which of the guests that ended were taken and are still kept by the module, in order. */
struct gone_log {
	uint64_t loaded_ns;
	uint64_t *ids;
	size_t num;
};

/*
 * Reports each guest that ended once, and which ones are kept now if that changed. The
 * last lines of long records, and of many at once, are left out: users decide how many
 * guests end, and how often.
 */
void gone_log_read(struct gone_log *log, const struct env *env, uint64_t loaded_ns,
		   event_words_fn fn, void *arg);
void gone_log_free(struct gone_log *log);

#endif
