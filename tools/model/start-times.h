/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_START_TIMES_H
#define L1TUNE_START_TIMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

#define START_BUCKETS	18

/* How long a phase took, or all of them ("total"), of all starts since load. */
struct start_time {
	char name[16];
	uint64_t count, sum_ns;
	/* Of those below 2^(20 + n) ns each, the last one has the rest. */
	uint64_t buckets[START_BUCKETS];
};

struct start_times {
	/* False if the module has none, or they may not be read. */
	bool are_known;
	struct start_time v[8];
	size_t num;
	/* Guests that ended before they had started. */
	uint64_t ended;
};

void start_times_read(const struct env *env, struct start_times *times);

/* Below what a bucket's times are; 0 for the last one, which has no bound. */
uint64_t start_bucket_ns(size_t i);

#endif
