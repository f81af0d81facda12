// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/util.h"
#include "cmd/command.h"
#include "model/change.h"
#include "model/json-load.h"
#include "model/json.h"
#include "ui/watch.h"

enum {
	COL_LEVEL, COL_REASON, COL_CODE, COL_RATE_A, COL_RATE_B, COL_TIME_A,
	COL_TIME_B, COL_AVG_A, COL_AVG_B, COL_P99_A, COL_P99_B, COL_CHANGE,
	COL_IN, NUM_COLS
};

static const struct column columns[NUM_COLS] = {
	[COL_LEVEL] = { "LEVEL", "2: the guest itself; 3: a guest inside it" },
	[COL_REASON] = { "REASON", "exit reason", .is_text = true,
			 .is_cut_last = true },
	[COL_CODE] = { "CODE", "exit reason as the CPU's number" },
	[COL_RATE_A] = { "RATE_A", "exits per second for A" },
	[COL_RATE_B] = { "RATE_B", "the same for B" },
	[COL_TIME_A] = { "TIME_A", "time from exit to entry; 100% is one CPU's" },
	[COL_TIME_B] = { "TIME_B", "the same for B" },
	[COL_AVG_A] = { "AVG_A", "average time per exit" },
	[COL_AVG_B] = { "AVG_B", "the same for B" },
	[COL_P99_A] = { "P99_A", "99 % took no longer (powers of two)" },
	[COL_P99_B] = { "P99_B", "the same for B" },
	[COL_CHANGE] = { "CHANGE", "how much more time B takes, without HALTED and VMM_SLEEP" },
	[COL_IN] = { "IN", "part of the time that changed most", .is_text = true },
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
		complain("no exits");
	free(changes);
	return status;
}

/* The one guest that is meant, as a snapshot that borrows it. */
static int pick(struct operand *operand, const struct snapshot *snapshot,
		struct error *error)
{
	size_t num = 0, i;

	for (i = 0; i < snapshot->num_guests; i++) {
		if (!selector_matches(&operand->selector,
				      &snapshot->guests[i].guest))
			continue;
		operand->snapshot = *snapshot;
		operand->snapshot.guests = &snapshot->guests[i];
		operand->snapshot.num_guests = 1;
		num++;
	}
	if (num == 1)
		return STATUS_OK;
	operand->snapshot = (struct snapshot){ };
	if (num)
		return error_set(error, "'%s' matches %zu guests, exactly one is needed: l1tune list shows them",
				 operand->text, num);
	complain("no guest matches '%s': l1tune list -a shows all guests", operand->text);
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

static int run(struct options *options)
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
		status = watch(options, &selection, show, &comparison);
	} else if (status == STATUS_OK) {
		status = compare(options, &nowhere, &comparison);
	}
	for (i = 0; i < 2; i++)
		snapshot_free(&operands[i].snapshot);
	selection_free(&selection);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(SECONDS, 'i', "interval", "SEC", interval_ns, "length of the interval; 5 by default"),
	{ }
};

const struct command cmd_diff = {
	.name = "diff",
	.synopsis = "[OPTION]... A B",
	.summary = "compare two guests, or two saved states, by reason",
	.about = "Compares two sides by reason, largest change first. A side is a file written by\n"
		 "l1tune stat --json, with all guests in it, or a guest, which is observed for\n"
		 "an interval now.",
	.run = run,
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
