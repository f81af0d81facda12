/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_OPTIONS_H
#define L1TUNE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/error.h"
#include "ui/table.h"

/* Of an option that may be given more than once. */
struct texts {
	const char *v[8];
	size_t num;
};

/* What a command line asks for. */
struct options {
	struct env env;
	bool json;
	struct table_style style;
	const char *columns;
	const char *sort;
	bool help;
	bool version;
	bool all;
	bool no_try;
	bool vcpus;
	/* Read struct beside of the guests; a command sets it. */
	bool beside;
	/* Read what vCPUs do for guests inside; a command sets it, with vcpus. */
	bool l3;
	/* Read tenants, and to which of them guests are charged; a command sets them. */
	bool tenants, charges;
	/* "cgroup" if guests are summed by tenant and control group, otherwise NULL. */
	const char *by;
	bool sum;
	bool once;
	bool heat;
	const char *size;
	bool canary;
	/* 0 for the usual time between samples. */
	uint64_t canary_ns;
	/* Of records. */
	const char *at, *from, *to;
	/* Options of a report. */
	const char *output;
	bool anonymous, text;
	const char *compare;
	/* What starts of guests to come end with. */
	const char *until;
	bool save;
	/* A tenant with its limits. */
	bool remove;
	/* What is left for it. */
	const char *tenant;
	bool transit;
	const char *textfile;
	bool by_reason;
	bool check;
	bool load;
	bool since_start;
	const char *guest;
	/* What takes longer is slow, or hangs; 0: that is not watched. */
	uint64_t over_ns, hang_ns;
	const char *reason, *part;
	struct texts actions;
	/* 0 for whichever there is. */
	uint64_t level;
	/* Intervals: 0 without -i, and no end without -c. */
	uint64_t interval_ns;
	uint64_t count;
	/* The longest wait of a vCPU for its memory; 0: as usual. */
	uint64_t most_stall_ns;
	/* Called before the command runs, when all of this is known; or NULL. */
	int (*prepare)(struct options *options);
	/* What follows the options. */
	char **words;
	int num_words;
	/* With the columns that were chosen, of commands that print a table. */
	struct table *table;
	/* What is wrong with the command line; main() prints it. */
	struct error *error;
};

/* An option, and the member of struct options that it sets. */
struct option_spec {
	/* 0 if it has none. */
	char letter;
	const char *name;
	/*
	 * What follows it: FILE, DIR, COLUMN, COLUMNS, GUEST, SEC, TIME, N, PORT, ACTION, or the
	 * words to choose from, with | between. NULL if nothing does.
	 */
	const char *argument;
	const char *help;
	size_t member;
	enum { OPTION_FLAG, OPTION_TEXT, OPTION_SECONDS, OPTION_NUMBER,
	       OPTION_TIME, OPTION_TEXTS } type;
	/* The name of an option that cannot or has to be given with it. */
	const char *excludes;
	const char *needs;
};

#define OPTION(_type, _letter, _name, _argument, _member, _help, ...)	\
	{ .type = OPTION_ ## _type, .letter = _letter, .name = _name,	\
	  .argument = _argument, .help = _help,				\
	  .member = offsetof(struct options, _member), __VA_ARGS__ }

/* Options that several commands have. */
enum {
	OPTIONS_INTERVALS = 1 << 0,
	OPTIONS_DEV = 1 << 1,
	OPTIONS_STATE = 1 << 2,
	OPTIONS_TABLE = 1 << 3,
	OPTIONS_JSON = 1 << 4,
	/* All have these: where to look at the machine, and --help. */
	OPTIONS_COMMON = 1 << 5,
};

/* The options of one command. */
struct option_list {
	const struct option_spec *v[24];
	size_t num;
};

/* Its own, which end with an empty one and may be NULL, and shared ones. */
struct option_list options_list(const struct option_spec *own,
				unsigned int shared);

/* "  -i, --interval SEC    show intervals …", a line each. */
void options_print(const struct option_list *list);

/*
 * Takes the options of a command line; words and num_words are then what follows them.
 * The tool itself, is_main, has options before its command: they end at the first word.
 * STATUS_OK, or STATUS_USAGE with an error.
 */
int options_parse(struct options *options, int argc, char *argv[],
		  const struct option_list *list, bool is_main);

#endif
