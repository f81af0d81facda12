// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "bench/stats.h"

/* 95 % of a normal distribution lie within this many standard deviations. */
#define Z_95	1.96
#define SURE	0.01

void bench_series_add(struct bench_series *series, const uint64_t *values, size_t num)
{
	series->values = xreallocarray(series->values, series->num + num,
				       sizeof(*values));
	memcpy(series->values + series->num, values, num * sizeof(*values));
	series->num += num;
}

void bench_series_free(struct bench_series *series)
{
	free(series->values);
	*series = (struct bench_series){ };
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* TSCs of two CPUs may be some cycles apart: what seems negative is nothing. */
static uint64_t less(uint64_t value, uint64_t offset)
{
	return value > INT64_MAX ? 0 : sub_clamped(value, offset);
}

struct bench_summary bench_summarize(struct bench_series *series, uint64_t offset)
{
	struct bench_summary s = { .count = series->num };
	size_t n = series->num, i;
	double spread, sum = 0;
	uint64_t *v = series->values;

	if (!n)
		return s;
	qsort(v, n, sizeof(*v), compare);
	for (i = 0; i < n; i++)
		sum += less(v[i], offset);
	spread = Z_95 * sqrt(n) / 2;
	s.mean = sum / n;
	s.min = less(v[0], offset);
	s.median = less(v[(n - 1) / 2], offset);
	s.p99 = less(v[(size_t)ceil(n * 0.99) - 1], offset);
	s.low = less(v[(size_t)fmax(0, floor(n / 2. - spread))], offset);
	s.high = less(v[(size_t)fmin(n - 1, ceil(n / 2. + spread))], offset);
	return s;
}

bool bench_is_sure(const struct bench_summary *summary)
{
	return summary->count && summary->high - summary->low <= summary->median * SURE;
}
