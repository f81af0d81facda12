/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CELL_H
#define L1TUNE_CELL_H

#include "model/exits.h"

/* Is it HLT, by the guest or by one inside it? */
bool cell_is_halt(const struct exit_cell *cell);

/* Is it that, in a file that does not separate waiting from work? */
bool cell_is_idle(const struct exit_cell *cell);

/* Does the file split the time by who spent it? */
bool cell_is_split(const struct exit_cell *cell);
uint64_t cell_busy_ns(const struct exit_cell *cell);

/* Who spent the time; they add up to all of it. */
enum time_part {
	PART_KERNEL,
	PART_VMM,
	PART_VMM_SLEEP,
	PART_HALTED,
	PART_BLOCKED,
	PART_RUNQ,
	PART_THROTTLED,
	NUM_PARTS
};

/* "kernel", and "kernel_ns" as in files and JSON. */
extern const char *const time_part_names[NUM_PARTS];
extern const char *const time_part_keys[NUM_PARTS];

bool cell_has_part(const struct exit_cell *cell, enum time_part part);
uint64_t cell_part_ns(const struct exit_cell *cell, enum time_part part);
/* Whether all cells do, and there is at least one. */
bool exits_are_split(const struct exit_stats *stats);
uint64_t exits_part_ns(const struct exit_stats *stats, enum time_part part);
uint64_t exits_busy_ns(const struct exit_stats *stats);

/* The cells by busy time, idle ones last: pointers to free together. */
const struct exit_cell **exits_by_busy(const struct exit_stats *stats);

/* "CPUID", and "L3 CPUID" for a guest inside the guest. */
char *exit_label(const struct exit_key *key);

/* Exits with a known duration: all but the one that may be open. */
uint64_t cell_completed(const struct exit_cell *cell);
/*
 * Of these. The time holds that of open exits too, which may be hours: no more
 * of it is taken than the histogram says that completed ones can have taken.
 */
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
/*
 * For people: no more than the total allows either. Half of the exits took at least the
 * median, so it is at most twice the mean. In an interval the bucket's end is all that is
 * known: a part of the time of its first exits is of the one before.
 */
struct percentile cell_percentile_tight(const struct exit_cell *cell,
					unsigned int percent);

/* Adds to a sum that starts as zeroes: all that counts, reason by reason. */
void exits_add(struct exit_stats *sum, const struct exit_stats *stats);

/*
 * All reasons but HLT as one, which has no key: percentiles of a whole guest
 * are about exits, and not about how long it had nothing to do.
 */
void exits_total(const struct exit_stats *stats, struct exit_cell *total);

/* What happened between two readings; a maximum of an interval is unknown. */
void exits_subtract(const struct exit_stats *before,
		    const struct exit_stats *after, struct exit_stats *diff);

#endif
