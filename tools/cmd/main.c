// SPDX-License-Identifier: GPL-2.0
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/cmd.h"

static const struct {
	const char *name;
	int (*fn)(int argc, char *argv[], struct options *options);
	const char *description;
	/* Its exit statuses are its own, and so is what it says of usage. */
	bool own_status;
} commands[] = {
	{ "status", cmd_status, "this L1 at a glance, its guests under it (the default)" },
	{ "list", cmd_list, "guests: id, name, pid, vCPUs, memory, exits, busy time" },
	{ "stat", cmd_stat, "exits by guest and reason: count, rate, time, percentiles" },
	{ "top", cmd_top, "the same, live" },
	{ "hist", cmd_hist, "how long the exits of one reason take, as a picture" },
	{ "diff", cmd_diff, "two guests, or two saved states, reason by reason" },
	{ "limits", cmd_limits, "what guests may take of this machine: show and set it" },
	{ "events", cmd_events, "guests coming and going, and what was denied, as it happens" },
	{ "tune", cmd_tune, "how guests are run: show it, what each does, and set it" },
	{ "advise", cmd_advise, "what is worth changing, how, and what it brings" },
	{ "try", cmd_try, "set something, measure what it brings, put it back" },
	{ "apply", cmd_apply, "make this machine as /etc/l1tune.conf says" },
	{ "save", cmd_save, "write what is set now to /etc/l1tune.conf" },
	{ "export", cmd_export, "all of it for Prometheus, as OpenMetrics" },
	{ "caps", cmd_caps, "what L0 offers of VMX or SVM, what KVM uses, what that saves" },
	{ "doctor", cmd_doctor, "is this machine ready, and if not, what to do", true },
	{ "bench", cmd_bench, "what one exit of each kind costs on this machine" },
};

static void print_help(void)
{
	size_t i;

	printf("Usage: l1tune [OPTION]... [COMMAND [ARGUMENT]...]\n\n"
	       "Shows which nested guest exits, why, how often and how long.\n\nCommands:\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].description);
	printf("  help     this text, or that of the command named behind it\n\n"
	       "Options:\n");
	options_print_common();
	printf("  -V, --version         the version\n\n"
	       "l1tune COMMAND --help says more; the manual is l1tune(8).\n");
}

/* argv[0] is what getopt_long() puts before what it has to say. */
static int run(const char *name, int argc, char *argv[],
	       struct options *options)
{
	char *shown, *full_name;
	int status;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name))
			continue;
		full_name = xasprintf("l1tune %s", name);
		argv[0] = full_name;
		optind = 0;
		status = commands[i].fn(argc, argv, options);
		if (status == STATUS_USAGE && !commands[i].own_status)
			fprintf(stderr, "Try '%s --help'.\n", full_name);
		free(full_name);
		return status;
	}
	shown = escape_for_terminal(name);
	complain("there is no command '%s': l1tune help lists those there are",
		 shown);
	free(shown);
	return STATUS_USAGE;
}

/* "help" says what "--help" says, of one command or of all. */
static int run_help(int argc, char *argv[], struct options *options)
{
	if (argc > 2) {
		complain("only one command can be explained at a time");
		return STATUS_USAGE;
	}
	if (argc < 2) {
		print_help();
		return STATUS_OK;
	}
	options->help = true;
	return run(argv[1], 1, argv + 1, options);
}

/* The first word is the command; what follows is the command's. */
static int parse(int argc, char *argv[], struct options *options)
{
	int status = options_parse(options, argc, argv,
				   OPTIONS_COMMON | OPTIONS_MAIN);

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
	if (optind == argc)
		return run("status", 1, argv, options);
	argc -= optind;
	argv += optind;
	if (!strcmp(argv[0], "help"))
		return run_help(argc, argv, options);
	return run(argv[0], argc, argv, options);
}

int main(int argc, char *argv[])
{
	struct options options = {
		.env = { .sysfs = "/sys", .proc = "/proc",
			 .dev = "/dev", .state = "/var/lib/l1tune",
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
