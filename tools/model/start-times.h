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
	/* Bucket n counts starts below 2^(20 + n) ns; the last bucket, all longer ones. */
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

/*
 * Those of a device of the class: "l1" has all starts, "tenant-3" a tenant's. 0, or -errno
 * and they are not known.
 */
int start_times_read(const struct env *env, const char *device, struct start_times *times);

/* Of whole starts; NULL if there is none. */
const struct start_time *start_times_total(const struct start_times *times);

/*
 * @percent of the starts took less than *below_ns, which is the upper bound of a bucket.
 * False without any start, or if the bucket has no bound.
 */
bool start_time_percentile(const struct start_time *time, unsigned int percent,
			   uint64_t *below_ns);

/* Below what a bucket's times are; 0 for the last one, which has no bound. */
uint64_t start_bucket_ns(size_t i);

#endif
