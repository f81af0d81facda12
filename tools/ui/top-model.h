/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TOP_MODEL_H
#define L1TUNE_TOP_MODEL_H

#include "explain/transit.h"
#include "model/cell.h"
#include "model/snapshot.h"

enum top_sort {
	TOP_BY_BUSY,
	TOP_BY_EXITS,
	TOP_BY_KERNEL,
	TOP_BY_VMM,
	TOP_BY_VMM_SLEEP,
	TOP_BY_HALTED,
	TOP_BY_BLOCKED,
	TOP_BY_RUNQ,
	TOP_BY_THROTTLED,
	TOP_BY_STOLEN,
	TOP_BY_GUEST,
	TOP_BY_NAME,
	TOP_BY_ID,
	NUM_TOP_SORTS
};

enum top_panels { TOP_BOTH, TOP_GUESTS, TOP_REASONS, NUM_TOP_PANELS };

/* What the user has chosen to see. */
struct top_choice {
	enum top_sort sort;
	bool is_reversed;
	enum top_panels panels;
	/* A row is all guests of a tenant, or of a control group that no tenant has. */
	bool by_cgroup;
	/* A part of the name, or what names guests elsewhere; "" for all. */
	char filter[64];
	/*
	 * The row that the cursor is on: its reasons are shown. Its name, NULL if there
	 * is none; a control group without a tenant has no other id.
	 */
	char *row_name;
	uint64_t row_id;
	/* Show the estimated transit instead of bars; NULL: do not. */
	const struct transit *transit;
};

/* Times are parts of one CPU in the interval. */
struct top_rates {
	double exits;
	double busy;
	double guest;
	double parts[NUM_PARTS];
	double stolen;
	bool is_split;
	bool has_stolen;
	/* Only if the row is one guest. */
	double helpers;
	bool has_helpers;
};

struct top_row {
	/* A guest or the sum of some. */
	const struct guest_snapshot *snapshot;
	size_t num_guests;
	struct top_rates rates;
	/* It ended in the interval: its last counts are not known. */
	bool is_ended;
};

/* What there is to see after an interval. */
struct top_model {
	struct top_row *rows;
	size_t num_rows;
	/* Those that are shown and there, whatever rows they are in. */
	const struct guest_snapshot **guests;
	size_t num_guests;
	size_t num_ended;
	/* What rows are by control group. */
	struct guest_snapshot *sums;
	size_t num_sums;
	uint64_t num_vcpus;
	struct top_rates total;
	uint64_t interval_ns;
	struct timespec time;
	/* The reasons of the chosen row, or of all guests that are shown. */
	struct exit_stats reasons;
	const char *reasons_of;
	const struct exit_cell **cells;
	size_t num_cells;
};

/*
 * before and after are the snapshots at the ends of the interval, diff is what
 * happened in it; the model points into them.
 */
void top_model_make(struct top_model *model, const struct top_choice *choice,
		    const struct snapshot *before, const struct snapshot *after,
		    const struct snapshot *diff);
void top_model_free(struct top_model *model);

/* Is the cursor on it? */
bool top_is_chosen(const struct top_choice *choice, const struct top_row *row);

double top_cell_rate(const struct exit_cell *cell, enum top_sort sort);

#endif
