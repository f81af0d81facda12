// SPDX-License-Identifier: GPL-2.0
/*
 * The rank test of two fleets: against tables, and against trying all ways to share
 * the values out.
 */
#include <math.h>
#include <stdlib.h>

#include "base/util.h"
#include "ktap.h"
#include "model/ranks.h"

static bool is_near(double got, double expected, double off)
{
	return fabs(got - expected) <= off;
}

/* Numbers from 1 on, of which the first num_a are one side. */
static double separate(size_t num_a, size_t num_b)
{
	double values[200];
	size_t i;

	for (i = 0; i < num_a + num_b; i++)
		values[i] = i + 1;
	return ranks_test(values, num_a, values + num_a, num_b);
}

/* The sum of ranks of those in a mask, where equal values share theirs. */
static double sum_of_ranks(const double *values, unsigned int num, unsigned int mask)
{
	double sum = 0;
	unsigned int i, j;

	for (i = 0; i < num; i++)
		for (j = 0; j < num && mask >> i & 1; j++)
			sum += values[j] < values[i] ? 1 : i == j || values[j] == values[i] ? 0.5 : 0;
	return sum;
}

static double by_trying(const double *values, unsigned int num_a, unsigned int num)
{
	/* Each has half a rank for itself: what is left out is the same for all. */
	double mean = num_a * num / 2.0, got = sum_of_ranks(values, num, (1u << num_a) - 1);
	unsigned int mask, all = 0, far = 0;

	for (mask = 0; mask < 1u << num; mask++) {
		if (__builtin_popcount(mask) != (int)num_a)
			continue;
		all++;
		far += fabs(sum_of_ranks(values, num, mask) - mean) >= fabs(got - mean) - 1e-9;
	}
	return (double)far / all;
}

static void test_tries(void)
{
	unsigned int round, i, wrong = 0;
	uint64_t state = 1;

	for (round = 0; round < 200; round++) {
		unsigned int num_a = 1 + round % 6, num = num_a + 1 + round % 5;
		double values[12];

		for (i = 0; i < num; i++) {
			state = state * 6364136223846793005ull + 1442695040888963407ull;
			/* Few values: many are equal. */
			values[i] = (state >> 33) % (round % 2 ? 5 : 1000);
		}
		wrong += !is_near(ranks_test(values, num_a, values + num_a, num - num_a),
				  by_trying(values, num_a, num), 1e-9);
	}
	ktap_ok(!wrong, "200 pairs of samples, with and without equal values: as by trying all ways to share them out");
}

int main(void)
{
	double values[] = { 4, 1, 3, 2 }, same[80];
	struct spread spread = spread_of(values, 4);
	size_t i;

	ktap_start();
	ktap_ok(is_near(spread.low, 1.75, 1e-9) && is_near(spread.median, 2.5, 1e-9) && is_near(spread.high, 3.25, 1e-9),
		"median and quartiles of four numbers");
	spread = spread_of(values, 1);
	ktap_ok(spread.low == 1 && spread.median == 1 && spread.high == 1, "of one number");
	ktap_ok(spread_of(values, 0).median == 0, "of none");
	ktap_ok(is_near(separate(3, 3), 0.1, 1e-9) && is_near(separate(4, 4), 2 / 70., 1e-9) &&
		is_near(separate(5, 5), 2 / 252., 1e-9), "three, four and five a side, all of one below the other: 0.1, 0.029, 0.008");
	ktap_ok(is_near(ranks_least(3, 3), 0.1, 1e-9) && is_near(ranks_least(5, 5), 2 / 252., 1e-9) &&
		ranks_least(1, 1) == 1 && ranks_least(0, 5) == 1, "which is the least that can be said");
	ktap_ok(ranks_test(values, 4, values, 0) == 1, "without another side nothing can be");
	for (i = 0; i < 80; i++)
		same[i] = 7;
	ktap_ok(ranks_test(same, 20, same + 20, 20) == 1 && ranks_test(same, 40, same + 40, 40) == 1,
		"equal values are no difference");
	test_tries();
	ktap_ok(is_near(separate(31, 31), 0, 1e-9), "62 values: by the normal distribution");
	return ktap_end();
}
