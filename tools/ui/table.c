// SPDX-License-Identifier: GPL-2.0
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/format.h"
#include "base/nearest.h"
#include "base/terminal.h"
#include "base/util.h"
#include "ui/frame.h"
#include "ui/table.h"

/* A guest's name can be of any length, and a column is as wide as its widest row. */
#define MAX_TEXT	128

/* Less of a name would not tell it from others. */
#define LEAST_WIDTH	8

/* Of the list of columns in --help. */
#define NAME_WIDTH	15

struct value value_text(const char *s)
{
	return s ? (struct value){ VALUE_TEXT, .text = xstrdup(s) } :
		   (struct value){ VALUE_NONE };
}

struct value value_number(uint64_t n)
{
	return (struct value){ VALUE_NUMBER, .number = n };
}

struct value value_bytes(uint64_t bytes)
{
	return (struct value){ VALUE_BYTES, .number = bytes };
}

struct value value_ns(uint64_t ns)
{
	return (struct value){ VALUE_NS, .number = ns };
}

struct value value_ns_or_unknown(bool is_known, uint64_t ns)
{
	return is_known ? value_ns(ns) : (struct value){ VALUE_UNKNOWN };
}

struct value value_rate(uint64_t events, uint64_t interval_ns)
{
	if (!interval_ns)
		return (struct value){ VALUE_NONE };
	return (struct value) {
		VALUE_RATE, .real = events * (double)NSEC_PER_SEC / interval_ns
	};
}

struct value value_ratio(uint64_t part, uint64_t whole)
{
	if (!whole)
		return (struct value){ VALUE_NONE };
	return (struct value){ VALUE_RATIO, .real = part / (double)whole };
}

/* How many times: a number like a rate, but of nothing per second. */
struct value value_factor(uint64_t part, uint64_t whole)
{
	if (!whole)
		return (struct value){ VALUE_NONE };
	return (struct value){ VALUE_RATE, .real = part / (double)whole };
}

struct value value_percentile(const struct exit_cell *cell,
			      unsigned int percent)
{
	struct percentile p = cell_percentile_tight(cell, percent);
	struct value value = value_ns(p.ns);

	if (p.kind == PERCENTILE_NONE)
		value.kind = VALUE_NONE;
	else if (p.kind == PERCENTILE_ABOVE)
		value.kind = VALUE_NS_ABOVE;
	return value;
}

static int find_column(const struct table *table, const char *name, size_t len,
		       size_t *column, struct error *error)
{
	char *copy = xmemdup0(name, len), *text;
	struct nearest nearest = { .word = copy };
	size_t i;

	for (i = 0; i < table->num_columns; i++) {
		if (!strcasecmp(table->columns[i].name, copy))
			break;
		nearest_offer(&nearest, table->columns[i].name);
	}
	*column = i;
	if (i == table->num_columns) {
		text = nearest_text(&nearest, ": --help lists the columns");
		error_set(error, "unknown column '%s'%s", copy, text);
		free(text);
	}
	free(copy);
	return i < table->num_columns ? STATUS_OK : STATUS_USAGE;
}

static int add_columns(struct table *table, const char *names,
		       struct error *error)
{
	size_t len, column;

	for (; names; names = names[len] ? names + len + 1 : NULL) {
		len = strcspn(names, ",");
		if (find_column(table, names, len, &column, error) != STATUS_OK)
			return STATUS_USAGE;
		*GROW(table->shown, table->num_shown) = column;
	}
	return STATUS_OK;
}

static int choose(struct table *table, const char *default_columns,
		  struct error *error)
{
	const char *chosen = table->chosen;
	int status = STATUS_OK;

	table->num_shown = 0;
	if (!chosen || *chosen == '+')
		status = add_columns(table, default_columns, error);
	if (status == STATUS_OK && chosen)
		status = add_columns(table, chosen + (*chosen == '+'), error);
	return status;
}

bool table_shows(const struct table *table, size_t column)
{
	size_t i;

	for (i = 0; i < table->num_shown; i++)
		if (table->shown[i] == column)
			return true;
	return false;
}

void table_set_defaults(struct table *table, const char *default_columns)
{
	/* What was chosen was right before. */
	choose(table, default_columns, NULL);
}

int table_init(struct table *table, const struct column *columns,
	       size_t num_columns, const char *default_columns,
	       const char *chosen, const char *sort, struct error *error)
{
	int status;

	*table = (struct table) {
		.columns = columns, .num_columns = num_columns,
		.chosen = chosen, .sort_column = num_columns,
	};
	status = choose(table, default_columns, error);
	if (status == STATUS_OK && sort) {
		table->sort_reversed = *sort == '-';
		sort += table->sort_reversed;
		status = find_column(table, sort, strlen(sort),
				     &table->sort_column, error);
	}
	return status;
}

struct value *table_add_row(struct table *table)
{
	struct value *row = xcalloc(table->num_columns, sizeof(*row));

	*GROW(table->rows, table->num_rows) = (struct table_row) {
		.values = row, .position = table->num_rows,
	};
	return row;
}

void table_alarm(struct table *table)
{
	table->rows[table->num_rows - 1].is_alarming = true;
}

static char *raw(const struct value *value)
{
	return xasprintf("%llu", (unsigned long long)value->number);
}

static char *format(const struct value *value, const struct table_style *style)
{
	char *text, *above;

	switch (value->kind) {
	case VALUE_NONE:
		return xstrdup("-");
	case VALUE_UNKNOWN:
		return xstrdup("?");
	case VALUE_TEXT:
		text = escape_for_terminal(value->text);
		above = shorten_middle(text, MAX_TEXT);
		free(text);
		return above;
	case VALUE_NUMBER:
		return raw(value);
	case VALUE_BYTES:
		return style->bytes ? raw(value) : format_bytes(value->number);
	case VALUE_NS:
		return style->bytes ? raw(value) : format_ns(value->number);
	case VALUE_NS_ABOVE:
		text = style->bytes ? raw(value) : format_ns(value->number);
		above = xasprintf(">%s", text);
		free(text);
		return above;
	case VALUE_RATE:
		return format_rate(value->real);
	case VALUE_RATIO:
		return format_percent(value->real);
	case VALUE_CHANGE:
		text = format_percent(value->real);
		/* What rounds to nothing has no direction. */
		above = xasprintf("%s%s", value->real >= 0.0005 ? "+" : "",
				  text + !strcmp(text, "-0.0%"));
		free(text);
		return above;
	case VALUE_UNLIMITED:
		return xstrdup("max");
	}
	return NULL;
}

static bool is_there(const struct value *value)
{
	return value->kind != VALUE_NONE && value->kind != VALUE_UNKNOWN;
}

static int compare_values(const struct value *a, const struct value *b)
{
	/* What is not known comes last, whichever way. */
	if (!is_there(a) || !is_there(b))
		return 0;
	if (a->kind == VALUE_TEXT)
		return strcmp(a->text, b->text);
	if (a->kind == VALUE_RATE || a->kind == VALUE_RATIO ||
	    a->kind == VALUE_CHANGE)
		return a->real < b->real ? 1 : a->real > b->real ? -1 : 0;
	return a->number < b->number ? 1 : a->number > b->number ? -1 : 0;
}

static int compare_rows(const void *x, const void *y, void *arg)
{
	const struct table_row *row_a = x, *row_b = y;
	const struct table *table = arg;
	const struct value *a = &row_a->values[table->sort_column];
	const struct value *b = &row_b->values[table->sort_column];
	int order;

	if (is_there(a) != is_there(b))
		return is_there(a) ? -1 : 1;
	order = compare_values(a, b);
	if (order)
		return table->sort_reversed ? -order : order;
	return row_a->position < row_b->position ? -1 : 1;
}

static void sort_rows(struct table *table)
{
	if (table->sort_column < table->num_columns && table->num_rows)
		qsort_r(table->rows, table->num_rows, sizeof(*table->rows),
			compare_rows, table);
}

static void free_rows(struct table *table)
{
	size_t i, j;

	for (i = 0; i < table->num_rows; i++) {
		for (j = 0; j < table->num_columns; j++)
			if (table->rows[i].values[j].kind == VALUE_TEXT)
				free(table->rows[i].values[j].text);
		free(table->rows[i].values);
	}
	free(table->rows);
	table->rows = NULL;
	table->num_rows = 0;
}

static struct libscols_table *new_table(const struct table *table,
					const struct table_style *style)
{
	struct libscols_table *tb = scols_new_table();
	bool colors = terminal_has_colors();
	size_t i;

	if (!tb)
		return NULL;
	scols_table_enable_noheadings(tb, style->noheadings);
	scols_table_enable_colors(tb, colors);
	/* Escaped already, and a second time would show the escapes' own. */
	scols_table_enable_noencoding(tb, 1);
	for (i = 0; i < table->num_shown; i++) {
		const struct column *c = &table->columns[table->shown[i]];
		struct libscols_column *cl;

		cl = scols_table_new_column(tb, c->name, 1, c->is_text ? 0 : SCOLS_FL_RIGHT);
		if (!cl) {
			scols_unref_table(tb);
			return NULL;
		}
		if (colors)
			scols_cell_set_color(scols_column_get_header(cl), "bold");
	}
	return tb;
}

static const struct column *column_shown(const struct table *table, size_t i)
{
	return &table->columns[table->shown[i]];
}

static size_t text_width(const char *s)
{
	size_t columns;

	fit_length(s, SIZE_MAX, &columns);
	return columns;
}

/* Texts of all cells, row by row. */
static char **format_cells(const struct table *table, const struct table_style *style)
{
	char **cells = xcalloc(table->num_rows * table->num_shown + 1, sizeof(*cells));
	size_t i, j;

	for (i = 0; i < table->num_rows; i++)
		for (j = 0; j < table->num_shown; j++)
			cells[i * table->num_shown + j] =
				format(&table->rows[i].values[table->shown[j]], style);
	return cells;
}

/* How wide each column would be. */
static size_t *measure(const struct table *table, char *const *cells, bool noheadings)
{
	size_t *widths = xcalloc(table->num_shown + 1, sizeof(*widths)), i, j, width;

	for (j = 0; j < table->num_shown; j++) {
		widths[j] = noheadings ? 0 : strlen(column_shown(table, j)->name);
		for (i = 0; i < table->num_rows; i++) {
			width = text_width(cells[i * table->num_shown + j]);
			if (width > widths[j])
				widths[j] = width;
		}
	}
	return widths;
}

/* With a blank between columns. */
static size_t total_width(const struct table *table, const size_t *widths)
{
	size_t i, total = 0;

	for (i = 0; i < table->num_shown; i++)
		total += widths[i] + !!i;
	return total;
}

static bool can_be_cut(const struct column *c)
{
	return c->is_flexible || c->is_cut_last;
}

/* The widest column that can be narrowed; num_shown if none can. */
static size_t find_widest(const struct table *table, const size_t *widths, bool is_last,
			  size_t least)
{
	size_t widest = table->num_shown, i;

	for (i = 0; i < table->num_shown; i++) {
		const struct column *c = column_shown(table, i);

		if (is_last ? !can_be_cut(c) : !c->is_flexible)
			continue;
		if (widths[i] > least && widths[i] > strlen(c->name) &&
		    (widest == table->num_shown || widths[i] > widths[widest]))
			widest = i;
	}
	return widest;
}

/* Makes the widest of these columns narrower until all fit: whether they do. */
static bool narrow(const struct table *table, size_t *widths, size_t room, bool is_last,
		   size_t least)
{
	size_t widest;

	while (total_width(table, widths) > room) {
		widest = find_widest(table, widths, is_last, least);
		if (widest == table->num_shown)
			return false;
		widths[widest]--;
	}
	return true;
}

/* If even the least widths do not fit, nothing more is cut and lines wrap. */
static void fit_widths(const struct table *table, size_t *widths, size_t room)
{
	size_t size = table->num_shown * sizeof(*widths), *least;

	if (narrow(table, widths, room, false, LEAST_WIDTH) ||
	    narrow(table, widths, room, true, LEAST_WIDTH))
		return;
	least = xcalloc(table->num_shown + 1, sizeof(*least));
	memcpy(least, widths, size);
	if (narrow(table, least, room, true, 0))
		memcpy(widths, least, size);
	free(least);
}

static void shorten(char **cell, size_t width, bool is_prose)
{
	char *text = is_prose ? shorten_end(*cell, width) : shorten_middle(*cell, width);

	free(*cell);
	*cell = text;
}

/* Digits are never cut, and nothing in a file. */
static void fit_cells(const struct table *table, char **cells, bool noheadings)
{
	size_t room = terminal_columns(), *widths, i, j;

	if (!room)
		return;
	widths = measure(table, cells, noheadings);
	fit_widths(table, widths, room);
	for (j = 0; j < table->num_shown; j++) {
		const struct column *c = column_shown(table, j);

		for (i = 0; can_be_cut(c) && i < table->num_rows; i++)
			shorten(&cells[i * table->num_shown + j], widths[j], c->is_prose);
	}
	free(widths);
}

/* Takes the texts over. */
static int add_line(struct libscols_table *tb, const struct table_row *row, char **cells,
		    size_t num)
{
	struct libscols_line *line = scols_table_new_line(tb, NULL);
	size_t i;

	if (!line || (row->is_alarming && scols_line_set_color(line, "red")))
		return -1;
	for (i = 0; i < num; i++) {
		if (scols_line_refer_data(line, i, cells[i]))
			return -1;
		cells[i] = NULL;
	}
	return 0;
}

static int add_lines(struct libscols_table *tb, const struct table *table,
		     const struct table_style *style)
{
	char **cells = format_cells(table, style);
	size_t num = table->num_shown, i;
	int err = 0;

	fit_cells(table, cells, style->noheadings);
	for (i = 0; i < table->num_rows && !err; i++)
		err = add_line(tb, &table->rows[i], &cells[i * num], num);
	for (i = 0; i < table->num_rows * num; i++)
		free(cells[i]);
	free(cells);
	return err;
}

int table_print(struct table *table, const struct table_style *style)
{
	struct libscols_table *tb = new_table(table, style);
	int err = tb ? 0 : -1;

	if (table->is_later)
		putchar('\n');
	table->is_later = true;
	sort_rows(table);
	if (!err)
		err = add_lines(tb, table, style);
	if (!err)
		err = scols_print_table(tb);
	scols_unref_table(tb);
	free_rows(table);
	if (err)
		complain("cannot print the table: out of memory");
	return err ? STATUS_FAILED : STATUS_OK;
}

void table_free(struct table *table)
{
	free_rows(table);
	free(table->shown);
	*table = (struct table){ };
}

void table_print_columns(const struct column *columns, size_t num_columns)
{
	size_t i;

	printf("\nColumns:\n");
	for (i = 0; i < num_columns; i++)
		terminal_print_entry(columns[i].name, NAME_WIDTH, columns[i].help);
}
