/* SPDX-License-Identifier: GPL-2.0 */
/* A token bucket limits how often something may happen. */
#ifndef L1TUNE_BUCKET_H
#define L1TUNE_BUCKET_H

#include <linux/types.h>

/**
 * struct l1t_bucket - tokens that arrive at a steady rate
 * @empty_ns: when it was empty; CLOCK_MONOTONIC
 * @reported_ns: when a shortage was last reported, or when the first token was asked
 *	for
 * @taken: exits since @reported_ns
 * @exceeded: shortages since @reported_ns
 * @reported: one has been reported
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
