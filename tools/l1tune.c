// SPDX-License-Identifier: GPL-2.0
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "escape.h"
#include "terminal.h"
#include "util.h"

static const struct {
	const char *name;
	int (*fn)(int argc, char *argv[], struct options *options);
	const char *description;
} commands[] = {
	{ "status", cmd_status, "this L1 at a glance, its guests under it (the default)" },
	{ "list", cmd_list, "guests: id, name, pid, vCPUs, memory, exits, busy time" },
	{ "stat", cmd_stat, "exits by guest and reason: count, rate, time, percentiles" },
};

static void print_help(void)
{
	size_t i;

	printf("Usage: l1tune [OPTION]... [COMMAND [ARGUMENT]...]\n\n"
	       "Shows which nested guest exits, why, how often and how long.\n\nCommands:\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].description);
	printf("  %-8s %s\n\nOptions:\n", "help",
	       "this text, or with a command's name that command's");
	options_print_common();
	printf("  -V, --version         the version\n\n"
	       "l1tune COMMAND --help says more; the manual is l1tune(8).\n");
}

static int run(int argc, char *argv[], struct options *options)
{
	char *shown, *full_name;
	int status;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[0], commands[i].name))
			continue;
		/* What getopt_long() puts before what it has to say. */
		full_name = xasprintf("l1tune %s", argv[0]);
		argv[0] = full_name;
		optind = 0;
		status = commands[i].fn(argc, argv, options);
		if (status == STATUS_USAGE)
			fprintf(stderr, "Try '%s --help'.\n", full_name);
		free(full_name);
		return status;
	}
	shown = escape_for_terminal(argv[0]);
	complain("there is no command '%s': l1tune help lists those there are",
		 shown);
	free(shown);
	return STATUS_USAGE;
}

static int help(int argc, char *argv[], struct options *options)
{
	static char option[] = "--help";
	char *command[] = { argv[argc - 1], option, NULL };

	if (argc > 2) {
		complain("help takes one command");
		return STATUS_USAGE;
	}
	if (argc == 2)
		return run(2, command, options);
	print_help();
	return STATUS_OK;
}

static int parse(int argc, char *argv[], struct options *options)
{
	static const struct option longs[] = {
		COMMON_LONG,
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	static char status_name[] = "status";
	char *status_argv[] = { status_name, NULL };
	int status;

	/* The first word is the command; what follows is the command's. */
	status = options_parse(options, argc, argv, "+" COMMON_SHORT "V",
			       longs);
	if (status != STATUS_OK) {
		fprintf(stderr, "Try 'l1tune --help'.\n");
		return status;
	}
	if (options->help) {
		print_help();
		return STATUS_OK;
	}
	if (options->version) {
		printf("l1tune %s\n", L1TUNE_VERSION);
		return STATUS_OK;
	}
	argc -= optind;
	argv += optind;
	if (!argc)
		return run(1, status_argv, options);
	return strcmp(argv[0], "help") ? run(argc, argv, options) :
					 help(argc, argv, options);
}

int main(int argc, char *argv[])
{
	struct options options = {
		.env = { .sysfs = "/sys", .proc = "/proc",
			 .class_fd = -1, .proc_fd = -1 },
	};
	int status, flushed;

	setlocale(LC_ALL, "");
	/* Numbers are read by scripts too: a dot is a dot. */
	setlocale(LC_NUMERIC, "C");
	status = parse(argc, argv, &options);
	flushed = terminal_flush();
	return status == STATUS_OK ? flushed : status;
}
