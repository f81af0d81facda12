// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/util.h"
#include "report/events.h"
#include "report/find.h"
#include "report/html.h"
#include "report/looked.h"
#include "report/markdown.h"
#include "report/rows.h"
#include "report/summary.h"
#include "report/tables.h"

#define ROWS_MOST	20

/*
 * What trackers give a meaning is a character reference: a mention and a reference to
 * an issue cannot be escaped with a backslash. An underscore within a word means nothing.
 */
static bool is_special(const char *text, size_t i)
{
	if (text[i] == '_')
		return !i || !isalnum((unsigned char)text[i - 1]) || !isalnum((unsigned char)text[i + 1]);
	return strchr("\\`*[]<>|@#~$&", text[i]);
}

static void put(FILE *out, const char *text)
{
	char *harmless = escape_string(text, false);
	size_t i;

	for (i = 0; harmless[i]; i++)
		if (is_special(harmless, i))
			fprintf(out, "&#%d;", harmless[i]);
		else
			fputc(harmless[i], out);
	free(harmless);
}

static void put_free(FILE *out, char *text)
{
	put(out, text);
	free(text);
}

static void heading(FILE *out, const char *title)
{
	fprintf(out, "\n### %s\n\n", title);
}

static bool is_missing(FILE *out, const json_t *report, const char *document)
{
	const char *why = summary_missing(report, document);

	if (*why) {
		put(out, why);
		fputs("\n", out);
	}
	return *why;
}

static void headings(FILE *out, const struct report_table *table)
{
	const struct report_column *column;

	for (column = table->columns; column->heading; column++)
		fprintf(out, "| %s ", column->heading);
	fputs("|\n", out);
	for (column = table->columns; column->heading; column++)
		fputs(column->kind == COLUMN_NUMBER ? "| ---: " : "| --- ", out);
	fputs("|\n", out);
}

static void print_table(FILE *out, const struct report_table *table, const json_t *rows)
{
	const struct report_column *column;
	const json_t *row;
	size_t i;

	if (!json_array_size(rows)) {
		fputs("none\n", out);
		return;
	}
	headings(out, table);
	json_array_foreach((json_t *)rows, i, row) {
		if (i == ROWS_MOST)
			break;
		for (column = table->columns; column->heading; column++) {
			fputs("| ", out);
			put_free(out, column->text(row));
			fputs(" ", out);
		}
		fputs("|\n", out);
	}
	if (json_array_size(rows) > ROWS_MOST)
		fprintf(out, "\nand %zu more %s\n", json_array_size(rows) - ROWS_MOST, table->rows);
}

static void print_facts(FILE *out, struct facts_list *list)
{
	size_t i;

	for (i = 0; i < list->num; i++) {
		const struct fact *fact = &list->v[i];

		fprintf(out, "- %s: ", fact->name);
		put(out, fact->value ? fact->value : "unknown");
		if (*fact->detail) {
			fputs(" (", out);
			put(out, fact->detail);
			fputs(")", out);
		}
		fputs("\n", out);
	}
	facts_free(list);
}

static void field(FILE *out, const char *name, const char *text)
{
	if (!*text)
		return;
	fprintf(out, "  - %s: ", name);
	put(out, text);
	fputs("\n", out);
}

/* What was not ruled out: these say how to find out more. */
static void print_open_causes(FILE *out, const json_t *causes)
{
	char *names = xstrdup("");
	const json_t *cause;
	size_t i;

	json_array_foreach((json_t *)causes, i, cause) {
		char *result;

		if (!looked_is_open(cause))
			continue;
		append(&names, "%s%s", *names ? ", " : "", text_of(cause, "cause"));
		if (looked_are_alike(cause, json_array_get(causes, i + 1)))
			continue;
		result = looked_result(cause);
		field(out, names, result);
		free(result);
		free(names);
		names = xstrdup("");
	}
	free(names);
}

static void print_advice(FILE *out, const json_t *report)
{
	const json_t *list = array_of(json_object_get(report, "advise"), "advice"), *advice;
	size_t i;

	heading(out, "Advice");
	if (is_missing(out, report, "advise"))
		return;
	if (!json_array_size(list))
		fputs("nothing worth changing was found\n", out);
	json_array_foreach((json_t *)list, i, advice) {
		if (i == ROWS_MOST)
			break;
		fputs("- **", out);
		put(out, text_of(advice, "title"));
		fputs("** of ", out);
		put_free(out, short_text(text_of(advice, "name")));
		fputs("\n", out);
		field(out, "evidence", text_of(advice, "evidence"));
		field(out, "change", text_of(advice, "change"));
		field(out, "confidence", text_of(advice, "confidence"));
		print_open_causes(out, array_of(advice, "causes"));
	}
}

/* What is ready need not be read. */
static void print_doctor(FILE *out, const json_t *report)
{
	const json_t *row;
	size_t i;

	heading(out, "Doctor");
	if (is_missing(out, report, "doctor"))
		return;
	put_free(out, summary_verdict(report));
	fputs("\n", out);
	json_array_foreach((json_t *)array_of(json_object_get(report, "doctor"), "rows"), i, row) {
		if (strcmp(text_of(row, "state"), "warning") && strcmp(text_of(row, "state"), "problem"))
			continue;
		fputs("- ", out);
		put(out, text_of(row, "state"));
		fputs(", ", out);
		put(out, text_of(row, "row"));
		fputs(": ", out);
		put(out, text_of(row, "text"));
		fputs("\n", out);
	}
}

static void print_rows(FILE *out, const json_t *report, const char *title, const char *document,
		       const struct report_table *table, json_t *rows)
{
	heading(out, title);
	if (!is_missing(out, report, document))
		print_table(out, table, rows);
	json_decref(rows);
}

static json_t *features_that_differ(const json_t *report)
{
	const json_t *caps = json_object_get(json_object_get(report, "caps"), "caps");
	json_t *rows = json_array(), *row;
	size_t i;

	json_array_foreach((json_t *)array_of(caps, "features"), i, row)
		if (!is_true(row, "offered") || !is_true(row, "used"))
			json_array_append(rows, row);
	return rows;
}

static json_t *limits_that_are_set(const json_t *report)
{
	json_t *rows = json_array(), *row;
	size_t i;

	json_array_foreach((json_t *)array_of(json_object_get(report, "limits"), "limits"), i, row)
		if (is_true(row, "set") || count_of(row, "denied") || count_of(row, "would_deny"))
			json_array_append(rows, row);
	return rows;
}

void markdown_write(FILE *out, const json_t *report)
{
	const json_t *stat = json_object_get(report, "stat");
	struct facts_list list;

	fputs("## l1tune report\n\n", out);
	put_free(out, summary_when(report));
	fputs("\n\n", out);
	summary_machine(report, &list);
	print_facts(out, &list);
	heading(out, "Figures");
	if (!is_missing(out, report, "stat")) {
		summary_figures(report, &list);
		print_facts(out, &list);
	}
	print_advice(out, report);
	print_rows(out, report, "Guests", "stat", &guests_table, guests_that(stat, false));
	print_rows(out, report, "Slow exits", "stat", &slow_table, json_incref((json_t *)array_of(report, "slow")));
	print_rows(out, report, "Guests that ended", "stat", &ended_table, guests_that(stat, true));
	print_rows(out, report, "Events", "events", &events_table,
		   json_incref((json_t *)array_of(report, "events")));
	print_rows(out, report, "Limits that are set", "limits", &limits_table, limits_that_are_set(report));
	print_doctor(out, report);
	print_rows(out, report, "Features not offered or not used", "caps", &caps_table,
		   features_that_differ(report));
}
