// SPDX-License-Identifier: GPL-2.0
#include <linux/build_bug.h>

#include "counts.h"

/**
 * l1t_counts_add() - add counts to a sum
 * @sum: the sum
 * @more: the counts
 */
void l1t_counts_add(struct l1t_counts *sum, const struct l1t_counts *more)
{
	const u64 *from = (const u64 *)more;
	u64 *to = (u64 *)sum;
	unsigned int i;

	BUILD_BUG_ON(sizeof(*sum) % sizeof(*to));
	for (i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}
