/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EXITS_H
#define L1TUNE_EXITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/statsfile.h"

#define MAX_BUCKETS	64
#define MAX_REASON	48
/* The module tells no times below 2^LOWEST_BUCKET ns apart. */
#define LOWEST_BUCKET	10

/* The fields of a cell that are one number. */
enum cell_field {
	CELL_COUNT,
	CELL_TIME,
	CELL_MAX,
	CELL_STOLEN,
	/* The parts of CELL_TIME, in the order of enum time_part. */
	CELL_KERNEL,
	CELL_VMM,
	CELL_VMM_SLEEP,
	CELL_HALTED,
	CELL_BLOCKED,
	CELL_RUNQ,
	CELL_THROTTLED,
	NUM_CELL_FIELDS
};

struct exit_key {
	uint32_t level;
	uint32_t code;
	char reason[MAX_REASON];
};

/* What rules know it by: newer CPUs exit for some of the same under another name. */
const char *reason_kind(const char *reason);

/* What is known of the exits of one (level, reason). */
struct exit_cell {
	struct exit_key key;
	bool has[NUM_CELL_FIELDS];
	uint64_t value[NUM_CELL_FIELDS];
	/* Bucket n counts [2^(n-1), 2^n) ns, the last one is open. */
	unsigned int num_buckets;
	uint64_t hist[MAX_BUCKETS];
};

/* Statistics of a guest or vCPU that belong to no reason. */
enum fixed_stat {
	STAT_EXITS,
	STAT_EXIT_TIME,
	STAT_GUEST_TIME,
	STAT_UNTRACED,
	STAT_UNPAIRED_ENTRIES,
	STAT_LOST_CELLS,
	STAT_L3_ENTRIES,
	STAT_L3_EXITS_HANDLED,
	STAT_L3_EXITS_LEFT,
	STAT_STOLEN,
	/* What is so now, of a vCPU: not counted, so neither added nor subtracted. */
	STAT_STATE,
	STAT_STATE_SINCE,
	STAT_OPEN_LEVEL,
	STAT_OPEN_CODE,
	STAT_TID,
	NUM_FIXED_STATS,
	NUM_COUNTED_STATS = STAT_STATE,
};

extern const char *const fixed_stat_names[NUM_FIXED_STATS];

struct exit_stats {
	bool has[NUM_FIXED_STATS];
	uint64_t value[NUM_FIXED_STATS];
	/* Ordered by level, code, reason. */
	struct exit_cell *cells;
	size_t num_cells;
};

/* Where each statistic of a file is: found once, used at each read. */
struct exits_plan {
	struct exits_entry *entries;
	size_t num_entries;
	size_t num_cells;
	const struct stats_item *fixed[NUM_FIXED_STATS];
};

/*
 * 0, or -EBADMSG with *why. Names that are not known are passed over. A plan
 * is good until the descriptors of its file change.
 */
int exits_plan(const struct statsfile *file, struct exits_plan *plan,
	       const char **why);
void exits_plan_free(struct exits_plan *plan);
void exits_read(const struct exits_plan *plan, struct exit_stats *stats);

/* The same for a file that is read once. */
int exits_parse(const struct statsfile *file, struct exit_stats *stats,
		const char **why);
void exits_free(struct exit_stats *stats);

/* Orders cells as exit_stats does. */
int exits_compare(const struct exit_key *a, const struct exit_key *b);

#endif
