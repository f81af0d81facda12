// SPDX-License-Identifier: GPL-2.0
/*
 * What of top fits into a width. Names give way first, down to MIN_NAME columns;
 * then bars, and then whole columns, the least important ones first.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/util.h"
#include "ui/frame.h"
#include "ui/top-layout.h"

/* From here on columns are added instead of blanks. */
#define WIDE		110
/* And from here on what threads other than vCPUs take. */
#define VERY_WIDE	126
#define MIN_ID		3
/* As its heading. */
#define MIN_TENANT	6
#define MIN_NAME	12
#define MAX_NAME	32
/* The same of control groups, which are paths. */
#define MIN_PATH	24
#define MAX_PATH	64
/* When nothing else is left to leave out. */
#define LEAST_NAME	9
#define MIN_BAR		5
#define MAX_BAR		24
#define TRANSIT_WIDTH	9

#define BIT(column)	(1u << (column))

#define PARTS		(BIT(TOP_KERNEL) | BIT(TOP_VMM) | BIT(TOP_BLOCKED) | \
			 BIT(TOP_RUNQ))
#define WIDE_PARTS	(BIT(TOP_VMM_SLEEP) | BIT(TOP_HALTED) | BIT(TOP_THROTTLED))
#define GUEST_COLUMNS	(BIT(TOP_VCPU) | BIT(TOP_EXITS) | PARTS | \
			 BIT(TOP_GUEST) | BIT(TOP_BUSY) | BIT(TOP_BAR))
#define REASON_COLUMNS	(BIT(TOP_EXITS) | BIT(TOP_AVG) | BIT(TOP_P99) | PARTS | \
			 BIT(TOP_BUSY) | BIT(TOP_BAR))

bool top_has_room_for_helpers(size_t width)
{
	return width >= VERY_WIDE;
}

size_t top_column_width(enum top_column column)
{
	switch (column) {
	case TOP_VCPU:
		return 4;
	case TOP_NESTED:
	case TOP_EXITS:
	case TOP_HELPERS:
	case TOP_P50:
	case TOP_P99:
		return 7;
	default:
		return 6;
	}
}

static size_t columns_width(const struct top_layout *l, unsigned int columns)
{
	size_t width = 0, i;

	for (i = 0; i < NUM_TOP_COLUMNS; i++)
		if (top_has(columns, i))
			width += 1 + (i == TOP_BAR ? l->bar :
				      top_column_width(i));
	return width;
}

/* The columns that are left beside first columns of that width at least. */
static unsigned int drop_columns(const struct top_layout *l,
				 unsigned int columns, bool is_bar_asked_for,
				 size_t first)
{
	static const enum top_column order[] = {
		TOP_HELPERS, TOP_STOLEN, TOP_HALTED, TOP_VMM_SLEEP, TOP_VCPU,
		TOP_BLOCKED, TOP_RUNQ,
		TOP_GUEST, TOP_VMM, TOP_KERNEL,
		TOP_AVG, TOP_P99, TOP_BAR, TOP_EXITS,
	};
	size_t i;

	if (first + columns_width(l, columns) > l->width && !is_bar_asked_for)
		columns &= ~BIT(TOP_BAR);
	for (i = 0; i < ARRAY_SIZE(order) &&
		    first + columns_width(l, columns) > l->width; i++)
		columns &= ~BIT(order[i]);
	return columns;
}

/* How many columns of the terminal the longest name takes, within bounds. */
static size_t natural_name(const struct top_model *model, size_t most)
{
	size_t longest = 4, columns, i;

	for (i = 0; i < model->num_rows && longest < most; i++) {
		const char *name = model->rows[i].snapshot->guest.label;
		char *shown = escape_for_terminal(name);

		fit_length(shown, most, &columns);
		free(shown);
		if (columns > longest)
			longest = columns;
	}
	return longest;
}

static size_t longest_id(const struct top_model *model, size_t longest)
{
	size_t i;

	for (i = 0; i < model->num_rows; i++) {
		size_t digits = snprintf(NULL, 0, "%llu", (unsigned long long)
					 model->rows[i].snapshot->guest.id);

		if (longest < digits)
			longest = digits;
	}
	return longest;
}

/* What is left for the first column of a panel. */
static size_t rest(const struct top_layout *l, unsigned int columns,
		   size_t used, size_t most)
{
	used += columns_width(l, columns);
	if (l->width < used + LEAST_NAME)
		return LEAST_NAME;
	return l->width - used < most ? l->width - used : most;
}

static unsigned int count_hidden(unsigned int wanted, unsigned int shown,
				 bool is_bar_asked_for)
{
	unsigned int hidden = wanted & ~shown;

	if (!is_bar_asked_for)
		hidden &= ~BIT(TOP_BAR);
	return __builtin_popcount(hidden);
}

struct top_layout top_lay_out(const struct top_model *model,
			      const struct top_choice *choice, size_t width)
{
	bool by_cgroup = choice->by_cgroup;
	struct top_layout l = {
		.width = width,
		.id = longest_id(model, by_cgroup ? MIN_TENANT : MIN_ID),
	};
	unsigned int guests = GUEST_COLUMNS, reasons = REASON_COLUMNS;
	bool is_bar_asked_for = choice->transit;
	size_t name = natural_name(model, by_cgroup ? MIN_PATH : MIN_NAME);

	l.bar = MIN_BAR;
	if (width >= WIDE) {
		guests |= BIT(by_cgroup ? TOP_NUM_GUESTS : TOP_NESTED) | WIDE_PARTS;
		reasons |= BIT(TOP_P50) | WIDE_PARTS;
		if (model->total.has_stolen) {
			guests |= BIT(TOP_STOLEN);
			reasons |= BIT(TOP_STOLEN);
		}
		l.bar = 8 + (width - WIDE) / 4;
	}
	if (top_has_room_for_helpers(width))
		guests |= BIT(TOP_HELPERS);
	if (l.bar > MAX_BAR)
		l.bar = MAX_BAR;
	if (is_bar_asked_for)
		l.bar = TRANSIT_WIDTH;
	l.guest_columns = drop_columns(&l, guests, is_bar_asked_for,
				       l.id + 1 + name);
	l.name = rest(&l, l.guest_columns, l.id + 1, by_cgroup ? MAX_PATH : MAX_NAME);
	/* Transit is a column of guests; reasons keep the place for it blank. */
	l.reason_columns = drop_columns(&l, reasons, false, MIN_NAME);
	l.reason = rest(&l, l.reason_columns, 0, MAX_NAME);
	if (choice->panels != TOP_REASONS)
		l.num_hidden += count_hidden(guests, l.guest_columns,
					     is_bar_asked_for);
	if (choice->panels != TOP_GUESTS)
		l.num_hidden += count_hidden(reasons, l.reason_columns, false);
	return l;
}
