// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/format.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/command.h"
#include "cmd/diff.h"
#include "model/change.h"
#include "model/json-load.h"
#include "model/json.h"
#include "ui/intervals.h"

/* What happened between two files of one load of the module. */
#define BETWEEN_COLUMNS	"GUEST,NAME,LEVEL,REASON,COUNT,RATE,TIME,AVG,P99,BUSY,RUNQ"

static const struct column columns[NUM_COLS] = {
	[COL_LEVEL] = { "LEVEL", "2: the guest itself; 3: a guest inside it" },
	[COL_REASON] = { "REASON", "exit reason", .is_text = true,
			 .is_cut_last = true },
	[COL_CODE] = { "CODE", "exit reason as the CPU's number" },
	[COL_RATE_A] = { "RATE_A", "exits per second for A" },
	[COL_RATE_B] = { "RATE_B", "exits per second for B" },
	[COL_TIME_A] = { "TIME_A", "time from exit to entry for A; 100% is one CPU" },
	[COL_TIME_B] = { "TIME_B", "time from exit to entry for B" },
	[COL_AVG_A] = { "AVG_A", "average time per exit for A" },
	[COL_AVG_B] = { "AVG_B", "average time per exit for B" },
	[COL_P99_A] = { "P99_A", "99 % of A's took no longer (powers of two)" },
	[COL_P99_B] = { "P99_B", "99 % of B's took no longer" },
	[COL_CHANGE] = { "CHANGE", "how much more time B takes, without HALTED and VMM_SLEEP" },
	[COL_IN] = { "IN", "part of the time that changed most", .is_text = true },
	[COL_GUEST] = { "GUEST", "between two files: id of the guest" },
	[COL_NAME] = { "NAME", "its name", .is_text = true, .is_flexible = true },
	[COL_COUNT] = { "COUNT", "number of exits between the files" },
	[COL_RATE] = { "RATE", "exits per second" },
	[COL_TIME] = { "TIME", "time from exit to entry; 100% is one CPU" },
	[COL_AVG] = { "AVG", "average time per exit" },
	[COL_P99] = { "P99", "99 % took no longer (powers of two)" },
	[COL_BUSY] = { "BUSY", "CPU time spent on the exits: KERNEL and VMM" },
	[COL_PARTS + PART_KERNEL] = { "KERNEL", "on a CPU in KVM, polling included" },
	[COL_PARTS + PART_VMM] = { "VMM", "on a CPU in the VMM" },
	[COL_PARTS + PART_VMM_SLEEP] = { "VMM_SLEEP", "time the VMM was asleep; a paused guest" },
	[COL_PARTS + PART_HALTED] = { "HALTED", "time vCPUs were halted" },
	[COL_PARTS + PART_BLOCKED] = { "BLOCKED", "time asleep elsewhere in KVM: a page, a mutex" },
	[COL_PARTS + PART_RUNQ] = { "RUNQ", "time runnable without a CPU" },
	[COL_PARTS + PART_THROTTLED] = { "THROTTLED", "time throttled by max_exits_per_sec" },
	[COL_TYPE] = { "TYPE", "two directories: instance type", .is_text = true },
	[COL_MEASURE] = { "MEASURE", "CPU time per exit (KVM and VMM), or exits per second", .is_text = true },
	[COL_FILES_A] = { "FILES_A", "number of files of A with this row" },
	[COL_FILES_B] = { "FILES_B", "number of files of B with this row" },
	[COL_MEDIAN_A] = { "MEDIAN_A", "median of the files of A" },
	[COL_MEDIAN_B] = { "MEDIAN_B", "median of the files of B" },
	[COL_SPREAD_A] = { "SPREAD_A", "interquartile range of A, as part of the median" },
	[COL_SPREAD_B] = { "SPREAD_B", "interquartile range of B, as part of the median" },
	[COL_DIFF] = { "DIFF", "how much higher the median of B is" },
	[COL_CHANCE] = { "CHANCE", "p-value of DIFF, corrected for the number of rows", .is_text = true },
	[COL_VERDICT] = { "VERDICT", "higher, lower, same, or too few files to tell", .is_text = true },
};

/* A file that stat --json wrote, or a guest that is there now. */
struct operand {
	const char *text;
	bool is_file;
	struct snapshot snapshot;
	/* What guests of this machine it is, to be found in its intervals. */
	struct selector selector;
};

struct comparison {
	struct operand operands[2];
};

static void fill_row(struct value *row, const struct change *change)
{
	int i;

	row[COL_LEVEL] = value_number(change->key.level);
	row[COL_REASON] = (struct value) {
		VALUE_TEXT, .text = exit_label(&change->key)
	};
	row[COL_CODE] = value_number(change->key.code);
	for (i = 0; i < 2; i++) {
		const struct change_side *side = &change->sides[i];

		row[COL_RATE_A + i] = (struct value) {
			VALUE_RATE, .real = side->per_second
		};
		row[COL_TIME_A + i] = (struct value) {
			VALUE_RATIO, .real = side->time
		};
		if (cell_completed(&side->cell))
			row[COL_AVG_A + i] = value_ns(cell_avg_ns(&side->cell));
		row[COL_P99_A + i] = value_percentile(&side->cell, 99);
	}
	row[COL_CHANGE] = (struct value){ VALUE_CHANGE, .real = change->cost };
	if (change->is_split && change->cost)
		row[COL_IN] = value_text(time_part_names[change->most]);
}

static json_t *side_to_json(const struct change_side *side)
{
	json_t *json = json_cell(&side->cell);

	json_object_del(json, "reason");
	json_object_del(json, "code");
	json_object_del(json, "level");
	json_set(json, "per_second", json_real(side->per_second));
	json_set(json, "time_per_second", json_real(side->time));
	json_set(json, "cost_per_second", json_real(side->cost));
	json_set(json, "avg_ns", json_number_or_null(cell_completed(&side->cell),
		 cell_avg_ns(&side->cell)));
	return json;
}

static json_t *operand_to_json(const struct operand *operand)
{
	json_t *json = json_object(), *ids = json_array();
	size_t i;

	for (i = 0; i < operand->snapshot.num_guests; i++)
		json_array_append_new(ids, json_number(operand->snapshot.guests[i].guest.id));
	json_set(json, operand->is_file ? "file" : "guest", json_text(operand->text));
	json_set(json, "ids", ids);
	return json;
}

static int print_json(const struct comparison *comparison,
		      const struct host *host, const struct change *changes,
		      size_t num)
{
	json_t *reasons = json_array(), *diff = json_object();
	size_t i;

	for (i = 0; i < num; i++) {
		const struct change *change = &changes[i];
		json_t *reason = json_object();

		json_set(reason, "reason", json_text(change->key.reason));
		json_set(reason, "code", json_number(change->key.code));
		json_set(reason, "level", json_number(change->key.level));
		json_set(reason, "a", side_to_json(&change->sides[0]));
		json_set(reason, "b", side_to_json(&change->sides[1]));
		json_set(reason, "change_per_second", json_real(change->cost));
		json_set(reason, "change_in", change->is_split && change->cost ?
			 json_text(time_part_keys[change->most]) : json_null());
		json_array_append_new(reasons, reason);
	}
	json_set(diff, "a", operand_to_json(&comparison->operands[0]));
	json_set(diff, "b", operand_to_json(&comparison->operands[1]));
	json_set(diff, "reasons", reasons);
	return json_print_value(host, "diff", diff);
}

static void fill_between(struct value *row, const struct guest_snapshot *guest,
			 const struct exit_cell *cell)
{
	int i;

	row[COL_GUEST] = value_number(guest->guest.id);
	row[COL_NAME] = value_text(guest->guest.label);
	row[COL_LEVEL] = value_number(cell->key.level);
	row[COL_REASON] = value_text(cell->key.reason);
	row[COL_CODE] = value_number(cell->key.code);
	row[COL_COUNT] = value_number(cell->value[CELL_COUNT]);
	row[COL_RATE] = value_rate(cell->value[CELL_COUNT], guest->interval_ns);
	row[COL_TIME] = value_ratio(cell->value[CELL_TIME], guest->interval_ns);
	if (cell_completed(cell))
		row[COL_AVG] = value_ns(cell_avg_ns(cell));
	row[COL_P99] = value_percentile(cell, 99);
	row[COL_BUSY] = value_ns(cell_busy_ns(cell));
	for (i = 0; i < NUM_PARTS; i++)
		if (cell_has_part(cell, i))
			row[COL_PARTS + i] = value_ns(cell_part_ns(cell, i));
}

static void add_between(struct table *table, const struct guest_snapshot *guest)
{
	const struct exit_cell **cells = exits_by_busy(&guest->stats);
	size_t i;

	for (i = 0; i < guest->stats.num_cells; i++)
		if (cells[i]->value[CELL_COUNT] || cells[i]->value[CELL_TIME])
			fill_between(table_add_row(table), guest, cells[i]);
	free(cells);
}

/* Two files of one load of the module: the later one less the earlier one. */
struct between {
	const struct operand *earlier, *later;
	struct snapshot snapshot;
};

static void complain_of_ended(const struct between *between)
{
	const struct snapshot *before = &between->earlier->snapshot;
	size_t i;

	for (i = 0; i < before->num_guests; i++) {
		const struct guest_snapshot *guest = &before->guests[i];

		if (!snapshot_find(&between->later->snapshot, guest,
				   before->loaded_ns))
			complain("guest %llu (%s) is not in %s: its exits between the files are unknown",
				 (unsigned long long)guest->guest.id,
				 guest->guest.name, between->later->text);
	}
}

static int print_between(const struct options *options, const struct between *between)
{
	const struct guest_snapshot **guests = snapshot_by_busy(&between->snapshot);
	char *age = format_ns(between->snapshot.interval_ns);
	size_t i;

	for (i = 0; i < between->snapshot.num_guests; i++)
		add_between(options->table, guests[i]);
	free(guests);
	/* A command line is the user's own, and may still hold anything. */
	if (options->table->num_rows && !options->style.noheadings)
		terminal_print("%s minus %s: what happened in the %s between them (the same boot and load of the module)\n",
			       between->later->text, between->earlier->text, age);
	free(age);
	if (options->table->num_rows)
		return table_print(options->table, &options->style);
	complain("no exits between %s and %s", between->earlier->text,
		 between->later->text);
	return STATUS_OK;
}

static int print_between_json(const struct comparison *comparison,
			      const struct host *host, const struct between *between)
{
	const struct operand *operands = comparison->operands;
	json_t *diff = json_object(), *json = json_object();

	json_set(diff, "a", operand_to_json(&operands[0]));
	json_set(diff, "b", operand_to_json(&operands[1]));
	json_set(json, "later", json_text(between->later == operands ? "a" : "b"));
	json_set(json, "interval_ns", json_number(between->snapshot.interval_ns));
	json_set(json, "l2", json_guests(&between->snapshot, JSON_REASONS));
	json_set(diff, "between", json);
	return json_print_value(host, "diff", diff);
}

static int subtract(const struct options *options, const struct host *host,
		    const struct comparison *comparison)
{
	const struct operand *a = &comparison->operands[0];
	const struct operand *b = &comparison->operands[1];
	bool is_a_later = a->snapshot.taken_ns > b->snapshot.taken_ns;
	struct between between = {
		.earlier = is_a_later ? b : a, .later = is_a_later ? a : b,
	};
	int status;

	snapshot_subtract(&between.earlier->snapshot, &between.later->snapshot,
			  &between.snapshot);
	complain_of_ended(&between);
	table_set_defaults(options->table, BETWEEN_COLUMNS);
	status = options->json ? print_between_json(comparison, host, &between) :
				 print_between(options, &between);
	snapshot_free(&between.snapshot);
	return status;
}

static int compare(const struct options *options, const struct host *host,
		   struct comparison *comparison)
{
	size_t num, i;
	struct change *changes = changes_make(&comparison->operands[0].snapshot,
					      &comparison->operands[1].snapshot,
					      &num);
	int status = STATUS_OK;

	for (i = 0; i < num; i++)
		fill_row(table_add_row(options->table), &changes[i]);
	if (options->json)
		status = print_json(comparison, host, changes, num);
	else if (num)
		status = table_print(options->table, &options->style);
	else
		complain("neither side has exits");
	free(changes);
	return status;
}

/* The one guest that is meant, as a snapshot that borrows it. */
static int pick(struct operand *operand, const struct snapshot *snapshot,
		struct error *error)
{
	const struct guest_snapshot *guest;
	size_t num;

	guest = snapshot_single(snapshot, &operand->selector, &num);
	if (guest) {
		operand->snapshot = *snapshot;
		operand->snapshot.guests = (struct guest_snapshot *)guest;
		operand->snapshot.num_guests = 1;
		return STATUS_OK;
	}
	if (num)
		return error_set(error, "'%s' matches %zu guests, exactly one is needed: l1tune list shows them",
				 operand->text, num);
	/* It was there when the interval began: that it has ended was said. */
	return STATUS_NO_GUEST;
}

static int show(const struct options *options, const struct host *host,
		const struct snapshot *snapshot, void *arg)
{
	struct comparison *comparison = arg;
	int status = STATUS_OK, i;

	for (i = 0; i < 2 && status == STATUS_OK; i++)
		if (!comparison->operands[i].is_file)
			status = pick(&comparison->operands[i], snapshot,
				      options->error);
	if (status == STATUS_OK)
		status = compare(options, host, comparison);
	/* They were borrowed. */
	for (i = 0; i < 2; i++)
		if (!comparison->operands[i].is_file)
			comparison->operands[i].snapshot = (struct snapshot){ };
	return status;
}

/* What is a file is one, also when a guest has its name; name:FILE is not. */
static int parse_operand(struct operand *operand, const char *text,
			 struct error *error)
{
	operand->text = text;
	operand->is_file = strchr(text, '/') || !access(text, F_OK);
	if (operand->is_file)
		return json_load_snapshot(text, &operand->snapshot);
	if (!selector_parse(text, &operand->selector))
		return STATUS_OK;
	return error_set(error, "'%s' is neither a file nor a guest", text);
}

static int diff_two(struct options *options)
{
	struct comparison comparison = { };
	struct operand *operands = comparison.operands;
	struct selection selection = { };
	const struct host nowhere = { };
	int status = STATUS_OK, i;

	for (i = 0; i < 2 && status == STATUS_OK; i++) {
		status = parse_operand(&operands[i], options->words[i],
				       options->error);
		if (!operands[i].is_file)
			*GROW(selection.v, selection.num) =
				operands[i].selector;
	}
	if (status == STATUS_OK && selection.num) {
		options->count = 1;
		status = intervals_show(options, &selection, show, &comparison);
	} else if (status == STATUS_OK) {
		status = snapshot_can_subtract(&operands[0].snapshot,
					       &operands[1].snapshot) ?
			 subtract(options, &nowhere, &comparison) :
			 compare(options, &nowhere, &comparison);
	}
	for (i = 0; i < 2; i++)
		snapshot_free(&operands[i].snapshot);
	selection_free(&selection);
	return status;
}

static bool is_directory(const char *path)
{
	struct stat file;

	return !stat(path, &file) && S_ISDIR(file.st_mode);
}

static int run(struct options *options)
{
	if (is_directory(options->words[0]) && is_directory(options->words[1]))
		return diff_fleets(options);
	return diff_two(options);
}

static const struct option_spec own_options[] = {
	OPTION(SECONDS, 'i', "interval", "SEC", interval_ns, "length of the interval; 5 by default"),
	{ }
};

const struct command cmd_diff = {
	.name = "diff",
	.synopsis = "[OPTION]... A B",
	.summary = "compare two guests, two saved states or two fleets, by reason",
	.about = "Compares two sides by reason, largest change first. A side is a file written by\n"
		 "l1tune stat --json, with all guests in it, or a guest, which is observed for\n"
		 "an interval now.\n"
		 "Two files without -i of the same boot and load of the module are subtracted: the\n"
		 "later one minus the earlier one, by guest and reason.\n"
		 "Two directories of such files, *.json, are two fleets: medians of the files by\n"
		 "instance type and reason, and which differences are significant.",
	.run = run,
	.replays = REPLAYS_GUESTS,
	.options = own_options,
	.shared_options = OPTIONS_TABLE | OPTIONS_JSON,
	.interval_ns = 5 * NSEC_PER_SEC,
	.words = WORDS_GUESTS | WORDS_FILES,
	.least_words = 2,
	.most_words = 2,
	.columns = columns,
	.num_columns = NUM_COLS,
	.default_columns = "REASON,RATE_A,RATE_B,TIME_A,TIME_B,AVG_A,AVG_B,P99_A,P99_B,CHANGE,IN",
};
