// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "cmd/command.h"

static int run_help(struct options *options)
{
	const struct command *command = options->num_words ?
		command_find(options->words[0], options->error) : &l1tune;

	if (!command)
		return STATUS_USAGE;
	command_print_help(command);
	return STATUS_OK;
}

static int run_version(struct options *options)
{
	(void)options;
	printf("l1tune %s\n", L1TUNE_VERSION);
	return STATUS_OK;
}

const struct command cmd_help = {
	.name = "help",
	.synopsis = "[COMMAND]",
	.summary = "print this text, or the help of a command",
	.about = "Prints the commands of l1tune, or the help of one command.",
	.run = run_help,
	.words = WORDS_COMMANDS,
	.most_words = 1,
};

const struct command cmd_version = {
	.name = "version",
	.synopsis = "",
	.summary = "print the version",
	.about = "Prints the version of the tool.",
	.run = run_version,
};
