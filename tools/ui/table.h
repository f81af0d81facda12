/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TABLE_H
#define L1TUNE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/cell.h"

/* What a place in a table holds; VALUE_NONE is shown as "-", VALUE_UNKNOWN as "?". */
struct value {
	enum {
		VALUE_NONE, VALUE_UNKNOWN, VALUE_TEXT, VALUE_NUMBER, VALUE_BYTES, VALUE_NS,
		VALUE_NS_ABOVE, VALUE_RATE, VALUE_RATIO, VALUE_CHANGE,
		VALUE_UNLIMITED
	} kind;
	union {
		char *text;
		uint64_t number;
		double real;
	};
};

struct value value_text(const char *s);
struct value value_number(uint64_t n);
struct value value_bytes(uint64_t bytes);
struct value value_ns(uint64_t ns);
struct value value_ns_or_unknown(bool is_known, uint64_t ns);
struct value value_rate(uint64_t events, uint64_t interval_ns);
struct value value_ratio(uint64_t part, uint64_t whole);
struct value value_factor(uint64_t part, uint64_t whole);

struct value value_percentile(const struct exit_cell *cell,
			      unsigned int percent);

struct column {
	const char *name;
	const char *help;
	bool is_text;
	/* Is cut when the terminal is too narrow, the flexible ones first. */
	bool is_flexible;
	bool is_cut_last;
	/* Is cut at its end; the others, which are names, lose their middle. */
	bool is_prose;
};

struct table_row {
	struct value *values;
	/* Rows that sort equal stay as they came. */
	size_t position;
	bool is_alarming;
};

struct table_style {
	bool bytes;
	bool noheadings;
};

struct table {
	const struct column *columns;
	size_t num_columns;
	size_t *shown;
	size_t num_shown;
	/* What the user chose, as above. */
	const char *chosen;
	/* What --sort asks for; num_columns when rows stay as they came. */
	size_t sort_column;
	bool sort_reversed;
	struct table_row *rows;
	size_t num_rows;
	/* Tables of intervals follow each other with a line between. */
	bool is_later;
};

/*
 * chosen: "A,B" shows these columns, "+A,B" the default ones and these, NULL
 * the default ones. sort: a column's name; the largest number comes first,
 * "-NAME" reverses. STATUS_OK, or STATUS_USAGE with an error.
 */
int table_init(struct table *table, const struct column *columns,
	       size_t num_columns, const char *default_columns,
	       const char *chosen, const char *sort, struct error *error);

/* Has other default columns from now on. */
void table_set_defaults(struct table *table, const char *default_columns);

/* Is a column among those that are shown? */
bool table_shows(const struct table *table, size_t column);

/* A new row to fill, one value a column; texts are the table's then. */
struct value *table_add_row(struct table *table);

/* The row that was added last is shown in red. */
void table_alarm(struct table *table);

/* Prints the rows and forgets them, for the next ones to follow. */
int table_print(struct table *table, const struct table_style *style);
void table_free(struct table *table);

/* The list of columns for --help. */
void table_print_columns(const struct column *columns, size_t num_columns);

#endif
