/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TABLES_H
#define L1TUNE_TABLES_H

#include <jansson.h>
#include <stdio.h>

struct report_column {
	const char *heading;
	enum { COLUMN_TEXT, COLUMN_NUMBER, COLUMN_NAME, COLUMN_LABEL, COLUMN_PROSE } kind;
	/* A copy. */
	char *(*text)(const json_t *row);
	/* What a page has instead of the text; or NULL. */
	void (*draw)(FILE *page, const json_t *row);
};

/* A table of a report, whatever it is written as; its columns end with an empty one. */
struct report_table {
	const struct report_column *columns;
	/* What to call more rows than there is room for: "guests". */
	const char *rows;
	size_t most_rows;
};

extern const struct report_table guests_table, ended_table, slow_table, limits_table,
	caps_table, bench_table;

#endif
