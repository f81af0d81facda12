/* SPDX-License-Identifier: GPL-2.0 */
/* Tokens that come at a steady rate, for what may not happen more often. */
#ifndef L1TUNE_BUCKET_H
#define L1TUNE_BUCKET_H

#include <linux/types.h>

/**
 * struct l1t_bucket - tokens that come at a steady rate
 * @empty_ns: when it was empty, or will be; CLOCK_MONOTONIC
 * @reported_ns: when it was last reported that they did not suffice, or when the
 *	first one was asked for
 * @taken: exits since then
 * @exceeded: how often they did not suffice since then
 * @reported: it has been reported once
 */
struct l1t_bucket {
	u64 empty_ns;
	u64 reported_ns;
	u64 taken;
	u64 exceeded;
	bool reported;
};

u64 l1t_tokens_ns(u64 tokens, u64 rate);
u64 l1t_bucket_tokens(struct l1t_bucket *b, u64 rate, u64 full_ns, u64 now);
void l1t_bucket_take(struct l1t_bucket *b, u64 rate, u64 tokens);

#endif
