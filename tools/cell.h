/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CELL_H
#define L1TUNE_CELL_H

#include "exits.h"

/* Is it time with nothing to do, and is that not yet told from work? */
bool cell_is_idle(const struct exit_cell *cell);

/* Does the file tell who spent the time? */
bool cell_is_split(const struct exit_cell *cell);
uint64_t cell_kernel_ns(const struct exit_cell *cell);
uint64_t cell_busy_ns(const struct exit_cell *cell);
uint64_t exits_busy_ns(const struct exit_stats *stats);

/* The cells by busy time, idle ones last: pointers to free together. */
const struct exit_cell **exits_by_busy(const struct exit_stats *stats);

/* Exits with a known duration: all but the one that may be open. */
uint64_t cell_completed(const struct exit_cell *cell);
uint64_t cell_avg_ns(const struct exit_cell *cell);

/*
 * A percentile is known as the bucket it falls in. PERCENTILE_ABOVE: in the
 * open last one, and all that is known is that it is above .ns.
 */
struct percentile {
	enum { PERCENTILE_NONE, PERCENTILE_LE, PERCENTILE_ABOVE } kind;
	uint64_t ns;
};

struct percentile cell_percentile(const struct exit_cell *cell,
				  unsigned int percent);

/* What happened between two readings; a maximum of an interval is unknown. */
void exits_subtract(const struct exit_stats *before,
		    const struct exit_stats *after, struct exit_stats *diff);

#endif
