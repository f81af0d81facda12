// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/format.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/command.h"
#include "model/cell.h"
#include "model/json.h"
#include "ui/frame.h"
#include "ui/heat.h"
#include "ui/table.h"
#include "ui/intervals.h"

#define TEXT_WIDTH	80
#define MAX_WIDTH	140
/* With a shorter bar the parts of the time stand below the picture. */
#define MIN_BAR		8

/* " - " and "     12345 " next to the bounds, before the bar; the parts after it. */
#define LABEL_WIDTH	14
#define SPLIT_WIDTH	34
#define SPLIT_BAR	8

struct reason_filter {
	/* NULL: which there are. */
	const char *reason;
	uint64_t code;
	bool is_code;
	bool has_heading;
};

static char *duration(uint64_t ns, const struct options *options)
{
	return options->style.bytes ?
	       xasprintf("%llu", (unsigned long long)ns) : format_ns(ns);
}

static bool is_selected(const struct reason_filter *filter, const struct options *options,
			const struct exit_key *key)
{
	if (options->level && key->level != options->level)
		return false;
	if (!filter->reason)
		return true;
	return filter->is_code ? key->code == filter->code :
			       !strcasecmp(key->reason, filter->reason);
}

static char *percentile(const struct exit_cell *cell, unsigned int percent,
			const struct options *options)
{
	struct percentile p = cell_percentile_tight(cell, percent);
	char *text, *bound;

	if (p.kind == PERCENTILE_NONE)
		return xstrdup("-");
	text = duration(p.ns, options);
	bound = xasprintf("%s%s", p.kind == PERCENTILE_LE ? "<=" : ">", text);
	free(text);
	return bound;
}

static void print_title(const struct guest_snapshot *guest,
			const struct exit_cell *cell,
			const struct options *options)
{
	static const unsigned int percents[] = { 50, 90, 99 };
	char *label = exit_label(&cell->key), *text;
	size_t i;

	printf("%s%s%s", terminal_bold(), label, terminal_normal());
	terminal_print(" of %s (l2-%llu): %llu exit%s", guest->guest.name,
		       (unsigned long long)guest->guest.id,
		       (unsigned long long)cell->value[CELL_COUNT], plural(cell->value[CELL_COUNT]));
	if (guest->interval_ns)
		print_and_free(", %s/s", format_rate(cell->value[CELL_COUNT] *
						     (double)NSEC_PER_SEC /
						     guest->interval_ns));
	text = duration(cell_avg_ns(cell), options);
	printf("\navg %s", cell_completed(cell) ? text : "-");
	free(text);
	for (i = 0; i < ARRAY_SIZE(percents); i++) {
		printf("  p%u ", percents[i]);
		print_and_free("%s", percentile(cell, percents[i], options));
	}
	if (cell->has[CELL_MAX])
		print_and_free("  max %s", duration(cell->value[CELL_MAX], options));
	printf("\n\n");
	free(label);
}

/* "kernel 200ms 74.1% ####"; the sum after the parts, then nothing. */
static char *split_line(const struct exit_cell *cell, unsigned int part,
			const struct options *options)
{
	uint64_t total = cell->value[CELL_TIME], ns;
	char *time, *percent, *bar, *line;
	double ratio;

	if (part > NUM_PARTS || (part < NUM_PARTS && !cell_is_split(cell)))
		return xstrdup("");
	ns = part < NUM_PARTS ? cell_part_ns(cell, part) : total;
	ratio = total ? ns / (double)total : 0;
	time = duration(ns, options);
	percent = format_percent(ratio);
	bar = draw_bar(part < NUM_PARTS ? ratio : 0, SPLIT_BAR);
	line = xasprintf("%-9s %7s %6s %s",
			 part < NUM_PARTS ? time_part_names[part] : "total", time,
			 part < NUM_PARTS ? percent : "", bar);
	free(bar);
	free(percent);
	free(time);
	return line;
}

/* Wide enough for every bound of a bucket: the last bucket begins at 2^32 ns. */
static size_t bound_width(const struct options *options)
{
	return options->style.bytes ? 10 : 7;
}

static char *bucket_label(const struct exit_cell *cell, unsigned int n,
			  const struct options *options)
{
	bool is_open = n == cell->num_buckets - 1;
	char *from = duration(n <= LOWEST_BUCKET ? 0 : 1ULL << (n - 1), options);
	char *to = is_open && !cell->has[CELL_MAX] ? xstrdup("...") :
		   duration(is_open ? cell->value[CELL_MAX] : 1ULL << n, options);
	size_t width = bound_width(options), len = strlen(to);
	char *from_fit = fit_right(from, width);
	/* The longest exit may have taken hours; its digits are not cut. */
	char *to_fit = fit_left(to, len > width ? len : width);
	char *label = xasprintf("%s - %s %9llu ", from_fit, to_fit,
				(unsigned long long)cell->hist[n]);

	free(from_fit);
	free(to_fit);
	free(from);
	free(to);
	return label;
}

static void print_line(const char *left, const char *right, size_t width)
{
	char *line = fit_left(left, width);
	struct frame frame = { };

	/* Without the blanks at its end. */
	frame_line(&frame);
	frame_add(&frame, FRAME_NORMAL, line);
	frame_add(&frame, FRAME_NORMAL, xstrdup(right));
	frame_print(&frame);
	frame_free(&frame);
}

struct layout {
	size_t left_width, bar_width;
	bool is_split_below;
};

static struct layout layout_of(const struct options *options)
{
	size_t width = terminal_columns();
	size_t label_width = LABEL_WIDTH + 2 * bound_width(options);
	struct layout layout = { };

	if (!width)
		width = TEXT_WIDTH;
	if (width > MAX_WIDTH)
		width = MAX_WIDTH;
	if (width >= label_width + MIN_BAR + 2 + SPLIT_WIDTH) {
		layout.bar_width = width - label_width - SPLIT_WIDTH - 2;
	} else {
		layout.is_split_below = true;
		layout.bar_width = width > label_width + MIN_BAR ?
				   width - label_width : MIN_BAR;
	}
	layout.left_width = label_width + layout.bar_width + 2;
	return layout;
}

static void print_split(const struct exit_cell *cell, const struct options *options)
{
	unsigned int part;

	printf("\n");
	for (part = 0; part <= NUM_PARTS; part++) {
		char *line = split_line(cell, part, options);

		if (*line)
			print_line("", line, 0);
		free(line);
	}
}

static void print_picture(const struct exit_cell *cell,
			  const struct options *options)
{
	const struct layout layout = layout_of(options);
	unsigned int first = 0, last = 0, rows, i;
	uint64_t most = 0;

	for (i = 0; i < cell->num_buckets; i++) {
		if (!cell->hist[i])
			continue;
		first = most ? first : i;
		last = i;
		if (most < cell->hist[i])
			most = cell->hist[i];
	}
	rows = most ? last - first + 1 : 0;
	for (i = 0; i < rows || (!layout.is_split_below && i <= NUM_PARTS); i++) {
		uint64_t count = i < rows ? cell->hist[first + i] : 0;
		char *label = i < rows ? bucket_label(cell, first + i, options) :
					 xstrdup("");
		char *bar = draw_bar(most ? count / (double)most : 0, layout.bar_width);
		char *left = xasprintf("%s%s", label, bar);
		char *right = layout.is_split_below ? xstrdup("") :
						      split_line(cell, i, options);

		if (i < rows || *right)
			print_line(left, right, layout.left_width);
		free(right);
		free(left);
		free(bar);
		free(label);
	}
	if (layout.is_split_below)
		print_split(cell, options);
}

enum { COL_REASON, COL_COUNT, COL_AVG, COL_P99, COL_MAX, NUM_COLS };

static const struct column columns[NUM_COLS] = {
	[COL_REASON] = { "REASON", "", .is_text = true },
	[COL_COUNT] = { "COUNT", "" },
	[COL_AVG] = { "AVG", "" },
	[COL_P99] = { "P99", "" },
	[COL_MAX] = { "MAX", "" },
};

/* The reasons that there is a picture of, the most frequent ones first. */
static int list_reasons(const struct guest_snapshot *guest,
			const struct reason_filter *filter,
			const struct options *options)
{
	struct table table;
	int status = table_init(&table, columns, NUM_COLS,
				"REASON,COUNT,AVG,P99,MAX", NULL, "COUNT",
				options->error);
	size_t i;

	for (i = 0; i < guest->stats.num_cells && status == STATUS_OK; i++) {
		const struct exit_cell *cell = &guest->stats.cells[i];
		struct value *row;
		char *label;

		if (!is_selected(filter, options, &cell->key))
			continue;
		row = table_add_row(&table);
		label = exit_label(&cell->key);
		row[COL_REASON] = value_text(label);
		free(label);
		row[COL_COUNT] = value_number(cell->value[CELL_COUNT]);
		if (cell_completed(cell))
			row[COL_AVG] = value_ns(cell_avg_ns(cell));
		row[COL_P99] = value_percentile(cell, 99);
		if (cell->has[CELL_MAX])
			row[COL_MAX] = value_ns(cell->value[CELL_MAX]);
	}
	if (status == STATUS_OK)
		status = table_print(&table, &options->style);
	table_free(&table);
	return status;
}

static int no_such_reason(const struct guest_snapshot *guest,
			  const struct reason_filter *filter,
			  const struct options *options)
{
	unsigned long long id = guest->guest.id;
	char *level = options->level ? xasprintf(" at level %llu",
						 (unsigned long long)options->level) :
				       xstrdup("");

	if (filter->reason)
		complain("l2-%llu had no exit '%s'%s: l1tune hist %llu lists its reasons",
			 id, filter->reason, level, id);
	else
		complain("l2-%llu had no exits%s", id, level);
	free(level);
	return STATUS_FAILED;
}

static int print_json(const struct host *host, const struct snapshot *snapshot,
		      const struct guest_snapshot *guest, const struct options *options,
		      const struct reason_filter *filter)
{
	json_t *json = json_document(host, &snapshot->time, snapshot->interval_ns);
	json_t *hist = json_object(), *reasons = json_array();
	size_t i;

	for (i = 0; i < guest->stats.num_cells; i++)
		if (is_selected(filter, options, &guest->stats.cells[i].key))
			json_array_append_new(reasons, json_cell(&guest->stats.cells[i]));
	json_set(hist, "id", json_number(guest->guest.id));
	json_set(hist, "name", json_text(guest->guest.name));
	json_set(hist, "interval_ns", json_number(guest->interval_ns));
	json_set(hist, "ended", json_boolean(guest->is_ended));
	json_set(hist, "reasons", reasons);
	json_set(json, "hist", hist);
	return json_write(json);
}

/* All that is selected as one; without a reason all but HLT, as in percentiles. */
static void sum_selected(const struct guest_snapshot *guest,
			 const struct reason_filter *filter,
			 const struct options *options, struct exit_cell *sum)
{
	struct exit_stats all = { };
	size_t i;

	for (i = 0; i < guest->stats.num_cells; i++) {
		struct exit_cell cell = guest->stats.cells[i];
		struct exit_stats one = { .cells = &cell, .num_cells = 1 };

		if (!is_selected(filter, options, &cell.key) ||
		    (!filter->reason && cell_is_halt(&cell)))
			continue;
		cell.key = (struct exit_key){ };
		exits_add(&all, &one);
	}
	*sum = all.num_cells ? all.cells[0] : (struct exit_cell){ };
	exits_free(&all);
}

static int show_heat(const struct options *options, const struct snapshot *snapshot,
		     const struct guest_snapshot *guest, struct reason_filter *filter)
{
	struct exit_cell sum;

	sum_selected(guest, filter, options, &sum);
	if (!filter->has_heading) {
		terminal_print("%s of %s (l2-%llu)\n", filter->reason ? filter->reason :
			       "all exits but HLT", guest->guest.name,
			       (unsigned long long)guest->guest.id);
		heat_print_heading(&sum);
		filter->has_heading = true;
	}
	heat_print_line(&sum, &snapshot->time);
	return STATUS_OK;
}

static int show(const struct options *options, const struct host *host,
		const struct snapshot *snapshot, void *arg)
{
	const struct guest_snapshot *guest;
	struct reason_filter *filter = arg;
	size_t num, i;

	if (snapshot_check_single(snapshot, options->error) != STATUS_OK)
		return STATUS_USAGE;
	guest = snapshot_single(snapshot, NULL, &num);
	num = 0;
	for (i = 0; i < guest->stats.num_cells; i++)
		num += is_selected(filter, options, &guest->stats.cells[i].key);
	if (!num && !snapshot->is_interval)
		return no_such_reason(guest, filter, options);
	if (options->json)
		return print_json(host, snapshot, guest, options, filter);
	if (options->heat)
		return show_heat(options, snapshot, guest, filter);
	if (!filter->reason)
		return list_reasons(guest, filter, options);
	if (!num)
		complain("no exits");
	for (i = 0; i < guest->stats.num_cells; i++) {
		const struct exit_cell *cell = &guest->stats.cells[i];

		if (!is_selected(filter, options, &cell->key))
			continue;
		print_title(guest, cell, options);
		print_picture(cell, options);
		if (--num || snapshot->is_interval)
			putchar('\n');
	}
	return STATUS_OK;
}

static int run(struct options *options)
{
	struct reason_filter filter = {
		.reason = options->num_words > 1 ? options->words[1] : NULL,
	};

	if (!filter.reason && options->interval_ns && !options->heat)
		return error_set(options->error,
				 "-i needs a REASON: l1tune hist GUEST lists them");
	filter.is_code = filter.reason && !parse_u64(filter.reason, &filter.code);
	options->num_words = 1;
	return intervals_show_words(options, show, &filter);
}

static const struct option_spec own_options[] = {
	OPTION(NUMBER, 'l', "level", "2|3", level, "2: the guest itself; 3: a guest inside it"),
	OPTION(FLAG, 0, "heat", NULL, heat,
	       "one line per interval, darker where more exits are; without\n"
	       "REASON, of all but HLT", .needs = "interval"),
	{ }
};

const struct command cmd_hist = {
	.name = "hist",
	.synopsis = "[OPTION]... GUEST [REASON]",
	.summary = "show how long the exits of one reason take",
	.about = "Shows how long a guest's exits of one reason took, and who spent the time.\n"
		 "REASON: a name as stat shows it, or the CPU's number; without REASON,\n"
		 "the guest's reasons are listed.",
	.run = run,
	.replays = REPLAYS_GUESTS,
	.options = own_options,
	.shared_options = OPTIONS_INTERVALS | OPTIONS_JSON,
	.words = WORDS_GUESTS | WORDS_REASONS,
	.least_words = 1,
	.most_words = 2,
};
