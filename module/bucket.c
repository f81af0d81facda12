// SPDX-License-Identifier: GPL-2.0
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "bucket.h"

/**
 * l1t_tokens_ns() - how long it takes until tokens are available
 * @tokens: number of tokens
 * @rate: per second, not 0
 *
 * Return: the time in nanoseconds.
 */
u64 l1t_tokens_ns(u64 tokens, u64 rate)
{
	return div64_u64(tokens * NSEC_PER_SEC, rate);
}

/**
 * l1t_bucket_tokens() - number of tokens in a bucket
 * @b: the bucket
 * @rate: tokens per second
 * @full_ns: it holds the tokens of this time, and at least one
 * @now: CLOCK_MONOTONIC
 *
 * Context: callers serialize.
 * Return: the number of whole tokens; 0 if @rate is 0.
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
	/* Later if the rate became lower while tokens were taken: that must not last. */
	b->empty_ns = min(b->empty_ns, now);
	return mul_u64_u64_div_u64(now - b->empty_ns, rate, NSEC_PER_SEC);
}

/**
 * l1t_bucket_take() - take tokens from a bucket, which has them
 * @b: the bucket
 * @rate: tokens per second; 0 if it was changed since: takes nothing
 * @tokens: number of tokens
 */
void l1t_bucket_take(struct l1t_bucket *b, u64 rate, u64 tokens)
{
	if (rate)
		b->empty_ns += l1t_tokens_ns(tokens, rate);
}
