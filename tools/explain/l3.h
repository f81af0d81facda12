/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EXPLAIN_L3_H
#define L1TUNE_EXPLAIN_L3_H

#include "explain/sentences.h"
#include "model/snapshot.h"

/*
 * The counts of all its vCPUs, to be freed with l3_counts_free(): the most frequent
 * failures first, those without a message last.
 */
void l3_sum(const struct guest_snapshot *guest, struct l3_counts *sum);

/*
 * What stands out in what a guest does for guests inside it: nothing where nothing
 * does. Its vCPUs were read with that.
 */
void l3_explain(const struct guest_snapshot *guest, bool is_interval,
		struct sentences *findings);

#endif
