/* SPDX-License-Identifier: GPL-2.0 */
/* How long starts of guests took: a sum of many. */
#ifndef L1TUNE_STARTS_H
#define L1TUNE_STARTS_H

#include "start.h"

/*
 * Bucket 0 holds times below 2^L1T_STARTS_SHIFT ns, bucket n those below
 * 2^(L1T_STARTS_SHIFT+n), and the last one all from 2^36 ns on.
 */
#define L1T_STARTS_SHIFT	20
#define L1T_STARTS_BUCKETS	18

/**
 * struct l1t_starts_hist - how long a phase took
 * @sum_ns: sum of all times
 * @buckets: number of starts by time
 */
struct l1t_starts_hist {
	u64 sum_ns;
	u64 buckets[L1T_STARTS_BUCKETS];
};

/**
 * struct l1t_starts - starts of many guests
 * @total: of guests that have started
 * @phases: the same by phase; only guests whose L1T_PHASE_ENTRY is known
 * @ended: guests that ended before they had started
 */
struct l1t_starts {
	struct l1t_starts_hist total;
	struct l1t_starts_hist phases[L1T_PHASES];
	u64 ended;
};

#endif
