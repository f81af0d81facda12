// SPDX-License-Identifier: GPL-2.0
/* diff of two directories: a fleet before and after. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/diff.h"
#include "model/fleet.h"
#include "model/json.h"

#define COLUMNS "MEASURE,REASON,FILES_A,MEDIAN_A,SPREAD_A,FILES_B,MEDIAN_B,SPREAD_B,DIFF,CHANCE,VERDICT"

static const char *const measure_texts[] = {
	[FLEET_COST] = "CPU/exit", [FLEET_RATE] = "exits/s",
};

static const char *const measure_keys[] = {
	[FLEET_COST] = "busy_ns_per_exit", [FLEET_RATE] = "exits_per_second",
};

static const char *const verdict_texts[] = {
	[FLEET_SAME] = "same", [FLEET_HIGHER] = "higher", [FLEET_LOWER] = "lower",
	[FLEET_TOO_FEW] = "too few", [FLEET_ONE_SIDE] = "one side only",
};

static const char *const verdict_keys[] = {
	[FLEET_SAME] = "same", [FLEET_HIGHER] = "higher", [FLEET_LOWER] = "lower",
	[FLEET_TOO_FEW] = "too_few", [FLEET_ONE_SIDE] = "one_side",
};

static struct value value_of(const struct fleet_row *row, double value)
{
	return row->measure == FLEET_COST ? value_ns(value + 0.5) :
	       (struct value){ VALUE_RATE, .real = value };
}

static void fill_side(struct value *values, const struct fleet_row *row, int i)
{
	const struct fleet_side *side = &row->sides[i];

	values[COL_FILES_A + i] = value_number(side->num);
	if (!side->num)
		return;
	values[COL_MEDIAN_A + i] = value_of(row, side->median);
	if (side->num > 1 && side->median > 0)
		values[COL_SPREAD_A + i] = (struct value) {
			VALUE_RATIO, .real = (side->high - side->low) / side->median,
		};
}

static void fill_row(struct value *values, const struct fleet_row *row)
{
	bool is_tested = row->verdict != FLEET_TOO_FEW && row->verdict != FLEET_ONE_SIDE;

	values[COL_TYPE] = value_text(*row->type ? row->type : "-");
	values[COL_MEASURE] = value_text(measure_texts[row->measure]);
	values[COL_LEVEL] = value_number(row->key.level);
	values[COL_REASON] = (struct value){ VALUE_TEXT, .text = exit_label(&row->key) };
	values[COL_CODE] = value_number(row->key.code);
	fill_side(values, row, 0);
	fill_side(values, row, 1);
	if (!isnan(row->change))
		values[COL_DIFF] = (struct value){ VALUE_CHANGE, .real = row->change };
	if (is_tested)
		values[COL_CHANCE] = (struct value) {
			VALUE_TEXT, .text = xasprintf("%.*f", row->p < 0.01 ? 4 : 2, row->p),
		};
	values[COL_VERDICT] = value_text(verdict_texts[row->verdict]);
}

/* Types, kernels: "Linux 6.1.0-56-amd64, 6.12.1". */
static char *list_texts(const struct fleet *fleet, size_t member)
{
	char *list = xstrdup("");
	size_t i, j;

	for (i = 0; i < fleet->num; i++) {
		const char *text = (const char *)&fleet->v[i].machine + member;

		for (j = 0; j < i; j++)
			if (!strcmp((const char *)&fleet->v[j].machine + member, text))
				break;
		if (j == i && *text)
			append(&list, "%s%s", *list ? ", " : "", text);
	}
	return list;
}

static void print_fleet(const char *label, const struct fleet *fleet)
{
	char *kernels = list_texts(fleet, offsetof(struct json_machine, kernel));
	char *types = list_texts(fleet, offsetof(struct json_machine, type));

	terminal_print("%s  %s: %zu load%s of the module; Linux %s; type %s", label, fleet->directory,
		       fleet->num, plural(fleet->num), *kernels ? kernels : "unknown", *types ? types : "unknown");
	if (fleet->num_earlier)
		terminal_print("; %zu earlier file%s of the same loads left out", fleet->num_earlier,
			       plural(fleet->num_earlier));
	putchar('\n');
	free(types);
	free(kernels);
}

static bool has_verdict(const struct fleet_rows *rows, enum fleet_verdict verdict)
{
	size_t i;

	for (i = 0; i < rows->num; i++)
		if (rows->v[i].verdict == verdict)
			return true;
	return false;
}

static bool has_types(const struct fleet_rows *rows)
{
	size_t i;

	for (i = 0; i < rows->num; i++)
		if (strcmp(rows->v[i].type, rows->v[0].type))
			return true;
	return false;
}

static int print(const struct options *options, const struct fleet *a, const struct fleet *b,
		 const struct fleet_rows *rows)
{
	size_t i;
	int status;

	if (!options->style.noheadings) {
		print_fleet("A", a);
		print_fleet("B", b);
	}
	table_set_defaults(options->table, has_types(rows) ? "TYPE," COLUMNS : COLUMNS);
	for (i = 0; i < rows->num; i++)
		fill_row(table_add_row(options->table), &rows->v[i]);
	status = table_print(options->table, &options->style);
	if (has_verdict(rows, FLEET_TOO_FEW))
		complain("too few files to tell %zu differences from chance: %zu loads on each side are enough",
			 rows->num, rows->enough);
	return status;
}

static json_t *side_to_json(const struct fleet_side *side)
{
	json_t *json = json_object();

	json_set(json, "files", json_number(side->num));
	json_set(json, "median", side->num ? json_real(side->median) : json_null());
	json_set(json, "quartile1", side->num ? json_real(side->low) : json_null());
	json_set(json, "quartile3", side->num ? json_real(side->high) : json_null());
	return json;
}

static json_t *row_to_json(const struct fleet_row *row)
{
	json_t *json = json_object();

	json_set(json, "type", *row->type ? json_text(row->type) : json_null());
	json_set(json, "measure", json_text(measure_keys[row->measure]));
	json_set(json, "reason", json_text(row->key.reason));
	json_set(json, "code", json_number(row->key.code));
	json_set(json, "level", json_number(row->key.level));
	json_set(json, "a", side_to_json(&row->sides[0]));
	json_set(json, "b", side_to_json(&row->sides[1]));
	json_set(json, "change_ratio", isnan(row->change) ? json_null() : json_real(row->change));
	json_set(json, "p", row->verdict == FLEET_ONE_SIDE ? json_null() : json_real(row->p));
	json_set(json, "verdict", json_text(verdict_keys[row->verdict]));
	return json;
}

static json_t *fleet_to_json(const struct fleet *fleet)
{
	json_t *json = json_object();

	json_set(json, "directory", json_text(fleet->directory));
	json_set(json, "loads", json_number(fleet->num));
	json_set(json, "earlier_files", json_number(fleet->num_earlier));
	return json;
}

static int print_json(const struct fleet *a, const struct fleet *b, const struct fleet_rows *rows)
{
	json_t *json = json_object(), *list = json_array();
	const struct host nowhere = { };
	size_t i;

	for (i = 0; i < rows->num; i++)
		json_array_append_new(list, row_to_json(&rows->v[i]));
	json_set(json, "a", fleet_to_json(a));
	json_set(json, "b", fleet_to_json(b));
	json_set(json, "rows", list);
	return json_print_value(&nowhere, "fleet", json);
}

int diff_fleets(const struct options *options)
{
	struct fleet a = { }, b = { };
	struct fleet_rows rows;
	int status = fleet_load(&a, options->words[0]);

	if (status == STATUS_OK)
		status = fleet_load(&b, options->words[1]);
	if (status == STATUS_OK) {
		rows = fleet_compare(&a, &b);
		status = options->json ? print_json(&a, &b, &rows) : print(options, &a, &b, &rows);
		fleet_rows_free(&rows);
	}
	fleet_free(&a);
	fleet_free(&b);
	return status;
}
