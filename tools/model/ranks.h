/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_RANKS_H
#define L1TUNE_RANKS_H

#include <stddef.h>

/* Of numbers: median and quartiles, by linear interpolation. */
struct spread {
	double low, median, high;
};

/* Sorts them; zero without any. */
struct spread spread_of(double *values, size_t num);

/*
 * The two-sided Mann-Whitney test: how likely two samples of one distribution
 * differ in rank by as much as these. Exact, also with ties, up to RANKS_EXACT
 * values together; beyond that by the normal distribution. 1 if a side is empty.
 */
#define RANKS_EXACT	60
double ranks_test(const double *a, size_t num_a, const double *b, size_t num_b);

/* The smallest possible p for these numbers: all of one side are above the other. */
double ranks_least(size_t num_a, size_t num_b);

#endif
