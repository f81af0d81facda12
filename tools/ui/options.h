/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_OPTIONS_H
#define L1TUNE_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "ui/table.h"

/* What every subcommand understands. */
struct options {
	struct env env;
	bool json;
	struct table_style style;
	const char *columns;
	const char *sort;
	bool help;
	bool version;
	bool all;
	bool vcpus;
	bool sum;
	bool once;
	const char *compare;
	bool save;
	bool transit;
	const char *textfile;
	bool by_reason;
	bool check;
	bool load;
	bool since_start;
	const char *guest;
	/* 0 for whichever there is. */
	uint64_t level;
	/* Intervals: 0 without -i, and no end without -c. */
	uint64_t interval_ns;
	uint64_t count;
};

/* Which options a command line may have. */
enum {
	OPTIONS_COMMON = 1 << 0,
	/* Of those that print a table. */
	OPTIONS_COLUMNS = 1 << 1,
	OPTIONS_ALL = 1 << 2,
	OPTIONS_VCPUS = 1 << 3,
	OPTIONS_SUM = 1 << 5,
	OPTIONS_TOP = 1 << 6,
	OPTIONS_INTERVAL = 1 << 7,
	OPTIONS_REPEAT = 1 << 8,
	OPTIONS_LEVEL = 1 << 9,
	/* Of what happens by itself, whose count needs no interval. */
	OPTIONS_EVENTS = 1 << 10,
	OPTIONS_MACHINE = 1 << 16,
	OPTIONS_COMPARE = 1 << 17,
	OPTIONS_SAVE = 1 << 18,
	OPTIONS_TRANSIT = 1 << 19,
	/* Of those whose output has a form of its own: help, and where to look. */
	OPTIONS_PLACES = 1 << 20,
	OPTIONS_EXPORT = 1 << 21,
	OPTIONS_APPLY = 1 << 22,
	OPTIONS_ADVISE = 1 << 23,
	OPTIONS_TRY = 1 << 24,
	/* Of those that print a table, once or at intervals. */
	OPTIONS_TABLE = OPTIONS_COLUMNS | OPTIONS_INTERVAL | OPTIONS_REPEAT,
	/* Of the tool itself: before the command, and ended by it. */
	OPTIONS_MAIN = 1 << 4,
};

/*
 * Takes the options of a command line; optind is then where they end.
 * STATUS_OK, or STATUS_USAGE after saying what is wrong.
 */
int options_parse(struct options *options, int argc, char *argv[],
		  unsigned int sets);

void options_print_common(void);
void options_print_places(void);
void options_print_columns(void);
void options_print_table(void);

#endif
