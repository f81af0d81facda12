// SPDX-License-Identifier: GPL-2.0
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "bucket.h"

/**
 * l1t_tokens_ns() - how long tokens take to come
 * @tokens: how many
 * @rate: per second, not 0
 */
u64 l1t_tokens_ns(u64 tokens, u64 rate)
{
	return div64_u64(tokens * NSEC_PER_SEC, rate);
}

/**
 * l1t_bucket_tokens() - fill a bucket up to now
 * @b: the bucket
 * @rate: tokens per second
 * @full_ns: it holds what comes in this time, and room for one token at least
 * @now: CLOCK_MONOTONIC
 *
 * Context: one at a time. Return: how many tokens are in it.
 */
u64 l1t_bucket_tokens(struct l1t_bucket *b, u64 rate, u64 full_ns, u64 now)
{
	if (!b->reported_ns)
		b->reported_ns = now;
	if (!rate)
		return 0;
	full_ns = max(full_ns, l1t_tokens_ns(1, rate));
	if (now > full_ns)
		b->empty_ns = max(b->empty_ns, now - full_ns);
	if (b->empty_ns >= now)
		return 0;
	return mul_u64_u64_div_u64(now - b->empty_ns, rate, NSEC_PER_SEC);
}

/**
 * l1t_bucket_take() - take tokens that are in a bucket
 * @b: the bucket
 * @rate: tokens per second, not 0
 * @tokens: how many
 */
void l1t_bucket_take(struct l1t_bucket *b, u64 rate, u64 tokens)
{
	b->empty_ns += l1t_tokens_ns(tokens, rate);
}
