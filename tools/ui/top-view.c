// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/format.h"
#include "base/util.h"
#include "ui/top-layout.h"
#include "ui/top-view.h"

#define NO_SORT		NUM_TOP_SORTS

/* Shares of what a guest's vCPUs or a CPU could have: worth a look, and a lot. */
#define WARM		0.1
#define HOT		0.5

static void add(struct frame *frame, enum frame_style style, const char *text)
{
	frame_add(frame, style, xstrdup(text));
}

/* Takes the text over. */
static void add_right(struct frame *frame, enum frame_style style, char *text,
		      size_t width)
{
	add(frame, FRAME_NORMAL, " ");
	frame_add(frame, style, fit_right(text, width));
	free(text);
}

/* The same at the left, escaped: names come from guests. */
static void add_name(struct frame *frame, enum frame_style style,
		     const char *name, size_t width)
{
	char *shown = escape_for_terminal(name);

	add(frame, FRAME_NORMAL, " ");
	frame_add(frame, style, fit_middle(shown, width));
	free(shown);
}

/* Text of a line that is not a column: it is there as a whole or not at all. */
static void add_if_fits(struct frame *frame, enum frame_style style, char *text,
			size_t width)
{
	size_t columns;

	fit_length(text, width + 1, &columns);
	if (frame_width(frame) + columns <= width)
		frame_add(frame, style, text);
	else
		free(text);
}

static void add_heading(struct frame *frame, const struct top_choice *choice,
			const char *name, size_t width, enum top_sort sort)
{
	enum frame_style style = choice->sort == sort ? FRAME_HEADING_SORTED :
							FRAME_HEADING;

	frame_add(frame, FRAME_HEADING, xstrdup(" "));
	frame_add(frame, style, fit_right(name, width));
}

static void add_part(struct frame *frame, bool is_known, double ratio,
		     double whole)
{
	enum frame_style style = ratio >= HOT * whole ? FRAME_HOT :
				 ratio >= WARM * whole ? FRAME_WARM :
				 ratio < 0.0005 ? FRAME_DIM : FRAME_NORMAL;

	if (is_known)
		add_right(frame, style, format_percent(ratio), 6);
	else
		add_right(frame, FRAME_DIM, xstrdup("-"), 6);
}

static void add_bar(struct frame *frame, double ratio, size_t width)
{
	add(frame, FRAME_NORMAL, " ");
	frame_add(frame, FRAME_BAR, draw_bar(ratio, width));
}

/* From what to what, in percent of the time that the guest had a CPU. */
static void add_transit(struct frame *frame, const struct transit *transit,
			const struct top_rates *r, size_t width)
{
	double on_cpu = (r->guest + r->busy) * NSEC_PER_SEC;
	char *text = !transit->is_known ? xstrdup(" -") :
		     xasprintf(" %.0f-%.0f%%",
			       100 * transit_share(r->exits, transit->low_ns, on_cpu),
			       100 * transit_share(r->exits, transit->high_ns, on_cpu));

	frame_add(frame, FRAME_NORMAL, fit_left(text, width + 1));
	free(text);
}

static char *transit_title(const struct transit *transit)
{
	char *age, *text;

	if (!transit->is_known)
		return xasprintf("  transit not known: %s", transit->why);
	age = format_ns(transit->age_ns);
	text = xasprintf("  transit as measured %s ago", age);
	free(age);
	return text;
}

static void draw_title(struct frame *frame, const struct top_model *model,
		       const struct top_choice *choice,
		       const struct top_status *status,
		       const struct top_layout *l)
{
	char clock[32], *interval = format_ns(model->interval_ns);
	size_t num = model->num_guests;
	struct tm tm;

	localtime_r(&model->time.tv_sec, &tm);
	strftime(clock, sizeof(clock), status && status->is_past ? "%F %T" : "%T", &tm);
	frame_line(frame);
	add(frame, FRAME_TITLE, "l1tune top");
	if (l->num_hidden)
		add_if_fits(frame, FRAME_MESSAGE,
			    xasprintf("  %u column%s hidden", l->num_hidden,
				      plural(l->num_hidden)), l->width);
	/* A narrow terminal has better use for the place. */
	else
		frame_add(frame, FRAME_NORMAL,
			  xasprintf("  %s  %s", clock, interval));
	add_if_fits(frame, FRAME_NORMAL,
		    xasprintf("  %zu guest%s, %llu vCPU%s", num,
			      plural(num),
			      (unsigned long long)model->num_vcpus,
			      plural(model->num_vcpus)), l->width);
	if (model->num_ended)
		add_if_fits(frame, FRAME_MESSAGE,
			    xasprintf(", %zu ended", model->num_ended),
			    l->width);
	if (*choice->filter) {
		char *filter = escape_for_terminal(choice->filter);

		frame_add(frame, FRAME_MESSAGE,
			  xasprintf("  filter: %s", filter));
		free(filter);
	}
	if (choice->transit)
		frame_add(frame, FRAME_MESSAGE, transit_title(choice->transit));
	if (status && status->is_paused)
		add(frame, FRAME_MESSAGE, "  paused");
	free(interval);
}

static void add_total(struct frame *frame, const char *name, double ratio,
		      size_t width)
{
	char *percent = format_percent(ratio);

	add_if_fits(frame, FRAME_NORMAL, xasprintf("  %s %s", name, percent), width);
	free(percent);
}

/* What is idle comes last: a narrow terminal has no room for it. */
static void draw_total(struct frame *frame, const struct top_rates *total,
		       size_t width)
{
	char *exits = format_rate(total->exits);

	frame_line(frame);
	frame_add(frame, FRAME_NORMAL, xasprintf("exits %s/s", exits));
	free(exits);
	if (!total->is_split) {
		add_total(frame, "busy", total->busy, width);
		add_total(frame, "guest", total->guest, width);
		return;
	}
	add_total(frame, "kernel", total->parts[PART_KERNEL], width);
	add_total(frame, "vmm", total->parts[PART_VMM], width);
	add_total(frame, "blocked", total->parts[PART_BLOCKED], width);
	add_total(frame, "runq", total->parts[PART_RUNQ], width);
	if (total->parts[PART_THROTTLED])
		add_total(frame, "throttled", total->parts[PART_THROTTLED], width);
	add_total(frame, "guest", total->guest, width);
	add_total(frame, "halted", total->parts[PART_HALTED], width);
	add_total(frame, "asleep", total->parts[PART_VMM_SLEEP], width);
}

/* The columns of a panel, from the left; busy is what it calls the last one. */
static void add_headings(struct frame *frame, const struct top_choice *choice,
			 unsigned int columns, const char *busy)
{
	const struct {
		const char *name;
		enum top_sort sort;
	} headings[] = {
		[TOP_NUM_GUESTS] = { "GUESTS", NO_SORT },
		[TOP_VCPU] = { "VCPU", NO_SORT },
		[TOP_NESTED] = { "NESTED", NO_SORT },
		[TOP_EXITS] = { "EXITS/S", TOP_BY_EXITS },
		[TOP_AVG] = { "AVG", NO_SORT },
		[TOP_P50] = { "P50", NO_SORT },
		[TOP_P99] = { "P99", NO_SORT },
		[TOP_KERNEL] = { "KERNEL", TOP_BY_KERNEL },
		[TOP_VMM] = { "VMM", TOP_BY_VMM },
		[TOP_VMM_SLEEP] = { "SLEEP", TOP_BY_VMM_SLEEP },
		[TOP_HALTED] = { "HALTED", TOP_BY_HALTED },
		[TOP_BLOCKED] = { "BLOCK", TOP_BY_BLOCKED },
		[TOP_RUNQ] = { "RUNQ", TOP_BY_RUNQ },
		[TOP_THROTTLED] = { "THROT", TOP_BY_THROTTLED },
		[TOP_STOLEN] = { "STOLEN", TOP_BY_STOLEN },
		[TOP_GUEST] = { "GUEST", TOP_BY_GUEST },
		[TOP_HELPERS] = { "HELPERS", NO_SORT },
		[TOP_BUSY] = { busy, TOP_BY_BUSY },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(headings); i++)
		if (top_has(columns, i))
			add_heading(frame, choice, headings[i].name,
				    top_column_width(i), headings[i].sort);
}

static void add_bar_heading(struct frame *frame, const struct top_layout *l,
			    unsigned int columns, const char *name)
{
	if (top_has(columns, TOP_BAR))
		frame_add(frame, FRAME_HEADING, fit_left(name, l->bar + 1));
}

static void draw_rows_heading(struct frame *frame, const struct top_layout *l,
				const struct top_choice *choice)
{
	frame_line(frame);
	frame_add(frame, choice->sort == TOP_BY_ID ? FRAME_HEADING_SORTED :
		  FRAME_HEADING, fit_right(choice->by_cgroup ? "TENANT" : "ID", l->id));
	frame_add(frame, FRAME_HEADING, xstrdup(" "));
	frame_add(frame, choice->sort == TOP_BY_NAME ? FRAME_HEADING_SORTED :
		  FRAME_HEADING, fit_left(choice->by_cgroup ? "CGROUP" : "NAME", l->name));
	add_headings(frame, choice, l->guest_columns, "BUSY");
	add_bar_heading(frame, l, l->guest_columns,
			choice->transit ? " TRANSIT" : "");
}

/* That a vCPU is halted or its VMM asleep is nothing to look at. */
static double most_of(enum time_part part, double whole)
{
	return part == PART_HALTED || part == PART_VMM_SLEEP ? 1e9 : whole;
}

/* The parts that are shown, each of what it could be at most. */
static void add_parts(struct frame *frame, unsigned int columns, bool are_known,
		      const double *parts, double whole)
{
	int i;

	for (i = 0; i < NUM_PARTS; i++)
		if (top_has(columns, TOP_KERNEL + i))
			add_part(frame, are_known, parts[i], most_of(i, whole));
}

static void draw_row(struct frame *frame, const struct top_layout *l,
		     const struct top_choice *choice, const struct top_row *row)
{
	const struct guest *guest = &row->snapshot->guest;
	const struct top_rates *r = &row->rates;
	enum frame_style style = row->is_ended ? FRAME_DIM : FRAME_NORMAL;
	double whole = guest->vcpus ? guest->vcpus : 1;
	unsigned int columns = l->guest_columns;
	/* A control group that no tenant has. */
	char *id = guest->id ? xasprintf("%llu", (unsigned long long)guest->id) :
			       xstrdup("-");

	frame_line(frame);
	frame->lines[frame->num_lines - 1].is_chosen = top_is_chosen(choice, row);
	frame_add(frame, style, fit_right(id, l->id));
	free(id);
	add_name(frame, style, *guest->label ? guest->label : "-", l->name);
	if (top_has(columns, TOP_NUM_GUESTS))
		add_right(frame, style, xasprintf("%zu", row->num_guests), 6);
	if (top_has(columns, TOP_VCPU))
		add_right(frame, style,
			  xasprintf("%llu", (unsigned long long)guest->vcpus), 4);
	if (row->is_ended) {
		add(frame, FRAME_MESSAGE, "  ended");
		return;
	}
	if (top_has(columns, TOP_NESTED))
		add_right(frame, style, xstrdup(*guest->nested ?
						guest->nested : "-"), 7);
	if (top_has(columns, TOP_EXITS))
		add_right(frame, style, format_rate(r->exits), 7);
	add_parts(frame, columns, r->is_split, r->parts, whole);
	if (top_has(columns, TOP_STOLEN))
		add_part(frame, r->has_stolen, r->stolen, whole);
	if (top_has(columns, TOP_GUEST))
		add_part(frame, true, r->guest, 1e9);
	if (top_has(columns, TOP_HELPERS))
		add_right(frame, style, r->has_helpers ?
			  format_percent(r->helpers) : xstrdup("-"),
			  top_column_width(TOP_HELPERS));
	add_part(frame, true, r->busy, whole);
	if (!top_has(columns, TOP_BAR))
		return;
	if (choice->transit)
		add_transit(frame, choice->transit, r, l->bar);
	else
		add_bar(frame, r->busy / whole, l->bar);
}

static void draw_reasons_heading(struct frame *frame, const struct top_layout *l,
				 const struct top_choice *choice,
				 const struct top_model *model)
{
	char *shown = escape_for_terminal(model->reasons_of ? model->reasons_of :
					  "all");
	size_t around = strlen("REASON ()");
	char *name = shorten_middle(shown, l->reason - around);
	char *heading = xasprintf("REASON (%s)", name);

	frame_line(frame);
	frame_add(frame, FRAME_HEADING, fit_left(heading, l->reason));
	add_headings(frame, choice, l->reason_columns, "SHARE");
	add_bar_heading(frame, l, l->reason_columns, "");
	free(heading);
	free(name);
	free(shown);
}

static char *percentile(const struct exit_cell *cell, unsigned int percent)
{
	struct percentile p = cell_percentile_tight(cell, percent);
	char *text, *above;

	if (p.kind == PERCENTILE_NONE)
		return xstrdup("-");
	text = format_ns(p.ns);
	if (p.kind == PERCENTILE_LE)
		return text;
	above = xasprintf(">%s", text);
	free(text);
	return above;
}

static void draw_reason(struct frame *frame, const struct top_layout *l,
			const struct top_model *model,
			const struct exit_cell *cell)
{
	uint64_t busy_ns = exits_busy_ns(&model->reasons);
	double ns = model->interval_ns ? model->interval_ns : 1;
	double share = busy_ns ? cell_busy_ns(cell) / (double)busy_ns : 0;
	unsigned int columns = l->reason_columns;
	char *label = exit_label(&cell->key);
	double parts[NUM_PARTS];
	int i;

	frame_line(frame);
	frame_add(frame, FRAME_NORMAL, fit_middle(label, l->reason));
	free(label);
	if (top_has(columns, TOP_EXITS))
		add_right(frame, FRAME_NORMAL,
			  format_rate(cell->value[CELL_COUNT] * NSEC_PER_SEC / ns),
			  7);
	if (top_has(columns, TOP_AVG))
		add_right(frame, FRAME_NORMAL, cell_completed(cell) ?
			  format_ns(cell_avg_ns(cell)) : xstrdup("-"), 6);
	if (top_has(columns, TOP_P50))
		add_right(frame, FRAME_NORMAL, percentile(cell, 50), 7);
	if (top_has(columns, TOP_P99))
		add_right(frame, FRAME_NORMAL, percentile(cell, 99), 7);
	for (i = 0; i < NUM_PARTS; i++)
		parts[i] = cell_is_split(cell) ? cell_part_ns(cell, i) / ns : 0;
	add_parts(frame, columns, cell_is_split(cell), parts, 1);
	if (top_has(columns, TOP_STOLEN))
		add_part(frame, cell->has[CELL_STOLEN],
			 cell->value[CELL_STOLEN] / ns, 1);
	add_part(frame, !cell_is_idle(cell), share, 1);
	if (top_has(columns, TOP_BAR))
		add_bar(frame, share, l->bar);
}

/* Rows of guests get half of the lines, and what the reasons do not need. */
static size_t lines_for_rows(const struct top_model *model,
			       const struct top_choice *choice, size_t lines)
{
	size_t half = (lines + 1) / 2;

	if (choice->panels == TOP_GUESTS)
		return lines;
	if (model->num_cells < lines - half)
		half = lines - model->num_cells;
	return half < model->num_rows ? half : model->num_rows;
}

/* The first one to show, so that the chosen one is seen. */
static size_t first_row(const struct top_model *model,
			const struct top_choice *choice, size_t lines)
{
	size_t i;

	for (i = 0; i < model->num_rows; i++)
		if (top_is_chosen(choice, &model->rows[i]))
			return i < lines ? 0 : i - lines + 1;
	return 0;
}

static void draw_nothing(struct frame *frame, const struct top_choice *choice)
{
	frame_line(frame);
	add(frame, FRAME_DIM, *choice->filter ?
	    "no guest matches" :
	    "no guests; l1tune list -a also shows VMs without vCPUs");
}

void top_draw(const struct top_model *model, const struct top_choice *choice,
	      const struct top_status *status, size_t width, size_t height,
	      struct frame *frame)
{
	struct top_layout l = top_lay_out(model, choice, width);
	size_t fixed = choice->panels == TOP_BOTH ? 6 : 4;
	size_t lines = height > fixed ? height - fixed : 0;
	size_t rows, first, i;

	if (!height)
		lines = 2 * (model->num_rows + model->num_cells);
	rows = lines_for_rows(model, choice, lines);
	draw_title(frame, model, choice, status, &l);
	draw_total(frame, &model->total, width);
	if (choice->panels != TOP_REASONS) {
		draw_rows_heading(frame, &l, choice);
		if (!model->num_rows)
			draw_nothing(frame, choice);
		first = first_row(model, choice, rows);
		for (i = first; i < model->num_rows && i < first + rows; i++)
			draw_row(frame, &l, choice, &model->rows[i]);
		lines -= rows;
	}
	if (choice->panels != TOP_GUESTS) {
		if (choice->panels == TOP_BOTH)
			frame_line(frame);
		draw_reasons_heading(frame, &l, choice, model);
		for (i = 0; i < model->num_cells && i < lines; i++)
			draw_reason(frame, &l, model, model->cells[i]);
	}
	if (!height)
		return;
	while (frame->num_lines + 1 < height)
		frame_line(frame);
	top_draw_keys(status, frame);
}
