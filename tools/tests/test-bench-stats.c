// SPDX-License-Identifier: GPL-2.0
/* Medians, percentiles and how sure they are. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/stats.h"
#include "ktap.h"

/* A generator of its own: the same numbers on every machine. */
static uint64_t state = 1;

static uint64_t random_number(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return state >> 33;
}

/* How often the interval holds the true median of what the samples are from. */
static unsigned int coverage(unsigned int rounds, size_t num)
{
	unsigned int i, inside = 0;
	uint64_t values[1000];
	size_t j;

	for (i = 0; i < rounds; i++) {
		struct bench_series series = { };
		struct bench_summary s;

		for (j = 0; j < num; j++)
			values[j] = random_number() % 100001;
		bench_series_add(&series, values, num);
		s = bench_summarize(&series, 0);
		inside += s.low <= 50000 && 50000 <= s.high;
		bench_series_free(&series);
	}
	return inside;
}

int main(void)
{
	const uint64_t few[] = { 30, 10, 20, 1000, 25 };
	struct bench_series series = { };
	struct bench_summary s;
	unsigned int inside, i;
	uint64_t value = 1000;

	ktap_start();
	s = bench_summarize(&series, 0);
	ktap_ok(!s.count && !bench_is_sure(&s), "of nothing nothing is known");
	bench_series_add(&series, few, 5);
	s = bench_summarize(&series, 5);
	ktap_ok(s.count == 5 && s.median == 20 && s.min == 5 && s.p99 == 995 && s.mean == 212,
		"median, least, p99 and mean, less what the clock takes");
	ktap_ok(s.low == 5 && s.high == 995 && !bench_is_sure(&s), "five are not sure");
	bench_series_free(&series);

	for (i = 0; i < 1000; i++)
		bench_series_add(&series, &value, 1);
	value = 900000;
	for (i = 0; i < 20; i++)
		bench_series_add(&series, &value, 1);
	s = bench_summarize(&series, 0);
	ktap_ok(s.median == 1000 && bench_is_sure(&s) && s.p99 == 900000,
		"what is the same a thousand times is sure, whatever its tail");
	bench_series_free(&series);

	value = UINT64_MAX - 10;
	bench_series_add(&series, &value, 1);
	s = bench_summarize(&series, 0);
	ktap_ok(s.median == 0, "what ended before it began took no time");
	bench_series_free(&series);

	inside = coverage(2000, 1000);
	printf("# the median was inside in %u of 2000\n", inside);
	ktap_ok(inside >= 1880 && inside <= 1940, "the interval holds the median in 95 %% of cases");
	return ktap_end();
}
