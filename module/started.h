/* SPDX-License-Identifier: GPL-2.0 */
/* The starts of guests since load: histograms, and records of the last ones. */
#ifndef L1TUNE_STARTED_H
#define L1TUNE_STARTED_H

#include "guest.h"
#include "start_view.h"

/*
 * Bucket 0 holds times below 2^L1T_STARTED_SHIFT ns, bucket n those below
 * 2^(L1T_STARTED_SHIFT+n), and the last one all from 2^36 ns on.
 */
#define L1T_STARTED_SHIFT	20
#define L1T_STARTED_BUCKETS	18

/**
 * struct l1t_started_hist - how long a phase took
 * @sum_ns: sum of all times
 * @buckets: number of starts by time
 */
struct l1t_started_hist {
	u64 sum_ns;
	u64 buckets[L1T_STARTED_BUCKETS];
};

/**
 * struct l1t_started - starts since load
 * @total: of guests that have started
 * @phases: the same by phase; only guests whose L1T_PHASE_ENTRY is known
 * @ended: guests that ended before they had started
 */
struct l1t_started {
	struct l1t_started_hist total;
	struct l1t_started_hist phases[L1T_PHASES];
	u64 ended;
};

void l1t_started_keep(struct l1t_guest *g);
void l1t_started_sum(struct l1t_started *sum);
ssize_t l1t_started_read(char *buf, loff_t pos, size_t count);
void l1t_started_stop(void);

#endif
