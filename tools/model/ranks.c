// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdlib.h>

#include "base/util.h"
#include "model/ranks.h"

struct ranked {
	double value;
	size_t is_a;
	/* Twice the rank, a whole number also where values are equal. */
	size_t rank2;
};

static int compare_numbers(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

/* Of sorted numbers. */
static double quantile(const double *values, size_t num, double part)
{
	double at = part * (num - 1);
	size_t i = at;

	return i + 1 < num ? values[i] + (at - i) * (values[i + 1] - values[i]) : values[num - 1];
}

struct spread spread_of(double *values, size_t num)
{
	if (!num)
		return (struct spread){ };
	qsort(values, num, sizeof(*values), compare_numbers);
	return (struct spread) {
		quantile(values, num, 0.25), quantile(values, num, 0.5), quantile(values, num, 0.75),
	};
}

/* Equal values have the mean of their ranks. Returns the sum of t^3 - t over them. */
static double set_ranks(struct ranked *v, size_t num)
{
	double ties = 0;
	size_t i, j, k;

	qsort(v, num, sizeof(*v), compare_ranked);
	for (i = 0; i < num; i = j) {
		double t;

		for (j = i; j < num && v[j].value == v[i].value; j++)
			;
		for (k = i; k < j; k++)
			v[k].rank2 = i + j + 1;
		t = j - i;
		ties += t * t * t - t;
	}
	return ties;
}

/*
 * Of all ways to choose num_a of the ranks, the part whose sum is as far from the
 * mean as the one that there is: ways[n][s] counts those of n ranks with sum s.
 */
static double exact(const struct ranked *v, size_t num, size_t num_a, size_t sum2)
{
	size_t most = num * (num + 1), n, s, i;
	double *ways = xcalloc((num_a + 1) * (most + 1), sizeof(*ways));
	double all = 0, far = 0, mean2 = (double)num_a * (num + 1);

	ways[0] = 1;
	for (i = 0; i < num; i++)
		for (n = i + 1 < num_a ? i + 1 : num_a; n; n--)
			for (s = v[i].rank2; s <= most; s++)
				ways[n * (most + 1) + s] += ways[(n - 1) * (most + 1) + s - v[i].rank2];
	for (s = 0; s <= most; s++) {
		double w = ways[num_a * (most + 1) + s];

		all += w;
		if (fabs(s - mean2) >= fabs(sum2 - mean2))
			far += w;
	}
	free(ways);
	return far / all;
}

static double by_normal(size_t num, size_t num_a, size_t sum2, double ties)
{
	double n = num, a = num_a, b = n - a, mean = a * (n + 1) / 2;
	double variance = a * b / 12 * (n + 1 - ties / (n * (n - 1)));
	/* A sum is a whole number: half a rank less. */
	double off = fmax(0, fabs(sum2 / 2.0 - mean) - 0.5);

	return variance > 0 ? erfc(off / sqrt(variance) / M_SQRT2) : 1;
}

double ranks_test(const double *a, size_t num_a, const double *b, size_t num_b)
{
	size_t num = num_a + num_b, sum2 = 0, i;
	struct ranked *v;
	double ties, p;

	if (!num_a || !num_b)
		return 1;
	v = xcalloc(num, sizeof(*v));
	for (i = 0; i < num; i++)
		v[i] = (struct ranked) {
			.value = i < num_a ? a[i] : b[i - num_a], .is_a = i < num_a,
		};
	ties = set_ranks(v, num);
	for (i = 0; i < num; i++)
		sum2 += v[i].is_a * v[i].rank2;
	p = num <= RANKS_EXACT ? exact(v, num, num_a, sum2) : by_normal(num, num_a, sum2, ties);
	free(v);
	return p;
}

double ranks_least(size_t num_a, size_t num_b)
{
	double ways = 1;
	size_t i;

	for (i = 1; i <= num_a; i++)
		ways *= (double)(num_b + i) / i;
	return fmin(1, 2 / ways);
}
