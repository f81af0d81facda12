/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BENCH_STATS_H
#define L1TUNE_BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Durations of one kind of exit, in TSC cycles. */
struct bench_series {
	uint64_t *values;
	size_t num;
};

/*
 * low and high: between them the median is with 95 % confidence, whatever the
 * durations' distribution (by order statistics).
 */
struct bench_summary {
	uint64_t count;
	uint64_t min, median, p99, low, high;
	double mean;
};

void bench_series_add(struct bench_series *series, const uint64_t *values, size_t num);
void bench_series_free(struct bench_series *series);

/* Each duration is less by offset: the time that reading the clock takes. */
struct bench_summary bench_summarize(struct bench_series *series, uint64_t offset);

/* Whether more samples would add nothing: low to high is within 1 %. */
bool bench_is_sure(const struct bench_summary *summary);

#endif
