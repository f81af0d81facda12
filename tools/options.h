/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_OPTIONS_H
#define L1TUNE_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "env.h"
#include "table.h"

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
	/* Intervals: 0 without -i, and no end without -c. */
	uint64_t interval_ns;
	uint64_t count;
};

enum {
	OPTION_SYSFS = 0x100,
	OPTION_PROC,
	OPTION_SORT,
	OPTION_NOHEADINGS,
	OPTION_BYTES,
	OPTION_VCPUS,
};

#define COMMON_SHORT "Jh"
#define COMMON_LONG \
	{ "json", no_argument, NULL, 'J' }, \
	{ "help", no_argument, NULL, 'h' }, \
	{ "sysfs", required_argument, NULL, OPTION_SYSFS }, \
	{ "proc", required_argument, NULL, OPTION_PROC }, \
	{ "bytes", no_argument, NULL, OPTION_BYTES }

/* For those that print a table, once or at intervals. */
#define TABLE_SHORT "o:i:c:"
#define TABLE_LONG \
	{ "output", required_argument, NULL, 'o' }, \
	{ "sort", required_argument, NULL, OPTION_SORT }, \
	{ "noheadings", no_argument, NULL, OPTION_NOHEADINGS }, \
	{ "interval", required_argument, NULL, 'i' }, \
	{ "count", required_argument, NULL, 'c' }

/*
 * Takes the options of a command line; optind is then where they end.
 * STATUS_OK, or STATUS_USAGE after saying what is wrong.
 */
int options_parse(struct options *options, int argc, char *argv[],
		  const char *shorts, const struct option *longs);

void options_print_common(void);
void options_print_table(void);

#endif
