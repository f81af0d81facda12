/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CHANGE_H
#define L1TUNE_CHANGE_H

#include "model/cell.h"
#include "model/snapshot.h"

/* One reason on one of two sides; all zero if is_there is false. */
struct change_side {
	struct exit_cell cell;
	bool is_there;
	double per_second;
	/* Parts of one CPU: all of the time, what was no idle waiting, whose. */
	double time;
	double cost;
	double parts[NUM_PARTS];
};

struct change {
	struct exit_key key;
	struct change_side sides[2];
	double cost;
	/* The part that changed most; only if both sides are split. */
	bool is_split;
	enum time_part most;
};

/*
 * What differs between two sides, reason by reason, by how much more or less
 * of a CPU's time was spent: most first. Free with free().
 */
struct change *changes_make(const struct snapshot *a, const struct snapshot *b,
			    size_t *num);

#endif
