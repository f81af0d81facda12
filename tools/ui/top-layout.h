/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TOP_LAYOUT_H
#define L1TUNE_TOP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/top-model.h"

/* All but the first column of both panels, from the left. */
enum top_column {
	/* Only if rows are control groups. */
	TOP_NUM_GUESTS,
	TOP_VCPU,
	TOP_NESTED,
	TOP_EXITS,
	TOP_AVG,
	TOP_P50,
	TOP_P99,
	/* The parts, in the order of enum time_part. */
	TOP_KERNEL,
	TOP_VMM,
	TOP_VMM_SLEEP,
	TOP_HALTED,
	TOP_BLOCKED,
	TOP_RUNQ,
	TOP_THROTTLED,
	TOP_STOLEN,
	TOP_GUEST,
	TOP_HELPERS,
	TOP_BUSY,
	/* A bar, or the transit. */
	TOP_BAR,
	NUM_TOP_COLUMNS
};

/* The widths of the columns, and which of them fit. */
struct top_layout {
	size_t width;
	size_t id;
	/* Widths of the first columns of guests and reasons. */
	size_t name;
	size_t reason;
	size_t bar;
	/* Bits of enum top_column. */
	unsigned int guest_columns;
	unsigned int reason_columns;
	/* Columns that were left out, in panels that are shown. */
	unsigned int num_hidden;
};

struct top_layout top_lay_out(const struct top_model *model,
			      const struct top_choice *choice, size_t width);

/* Is there room for what other threads than vCPUs take? */
bool top_has_room_for_helpers(size_t width);

/* Without the blank before it; the bar's is in the layout. */
size_t top_column_width(enum top_column column);

static inline bool top_has(unsigned int columns, enum top_column column)
{
	return columns & 1u << column;
}

#endif
