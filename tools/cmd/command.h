/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_COMMAND_H
#define L1TUNE_COMMAND_H

#include <limits.h>

#include "ui/options.h"

/* What the words of a command line are, for --help and for shells to complete. */
enum {
	WORDS_GUESTS = 1 << 0,
	WORDS_FILES = 1 << 1,
	WORDS_REASONS = 1 << 2,
	WORDS_COMMANDS = 1 << 3,
	/* The command's names: alone, or as NAME=VALUE. */
	WORDS_NAMES = 1 << 4,
	WORDS_ASSIGNMENTS = 1 << 5,
	/* tenant:PATH */
	WORDS_TENANTS = 1 << 6,
};

#define ANY_NUMBER	INT_MAX

/* One of a list in a command's help. */
struct named {
	const char *name;
	/* NULL for one that only shells complete. */
	const char *help;
	/* What may follow "name=", with blanks between; or NULL. */
	const char *values;
};

/*
 * A command, as it is declared by its file. The command line is parsed by it,
 * and --help and the shells' completions are made from it; a test compares the
 * manual with it.
 */
struct command {
	const char *name;
	/* What follows the name; other forms each after a newline. */
	const char *synopsis;
	/* For the list of commands; NULL for one that is not for people. */
	const char *summary;
	const char *about;
	/* Its words are a command with options of its own. */
	bool takes_command;
	/* Does it show records as well, and what does it read of them? */
	enum { REPLAYS_NOT, REPLAYS_GUESTS, REPLAYS_MACHINE, REPLAYS_EVENTS } replays;
	/* An exit status; STATUS_USAGE with options->error. */
	int (*run)(struct options *options);
	/* Ends with an empty one. */
	const struct option_spec *options;
	unsigned int shared_options;
	/* What --interval is without that option. */
	uint64_t interval_ns;
	unsigned int words;
	int least_words, most_words;
	const struct column *columns;
	size_t num_columns;
	/* NULL if the command chooses them itself. */
	const char *default_columns;
	/* A list in its help; false after the last entry. */
	const char *names_title;
	bool (*names)(size_t i, struct named *named);
};

extern const struct command cmd_status, cmd_list, cmd_stat, cmd_top, cmd_hist,
	cmd_diff, cmd_limits, cmd_events, cmd_gone, cmd_watch, cmd_start, cmd_nested, cmd_paravirt, cmd_tune, cmd_advise, cmd_try,
	cmd_apply, cmd_save, cmd_record, cmd_replay, cmd_report, cmd_drift, cmd_export, cmd_caps, cmd_probe, cmd_doctor, cmd_bench,
	cmd_help, cmd_version, cmd_completion;

/* The tool itself, with the options that may stand before a command. */
extern const struct command l1tune;

/* All, in the order of the help; ends with NULL. */
extern const struct command *const all_commands[];

/* NULL if there is none, with a "did you mean" in the error. */
const struct command *command_find(const char *name, struct error *error);

/*
 * Takes a command line, which begins with its name, and runs it; what options
 * has already stays. Returns an exit status; STATUS_USAGE with options->error.
 */
int command_run(const struct command *command, int argc, char *argv[],
		struct options *options);

struct option_list command_options(const struct command *command);
void command_print_help(const struct command *command);

#endif
