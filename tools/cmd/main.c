// SPDX-License-Identifier: GPL-2.0
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/terminal.h"
#include "cmd/command.h"

/* The first word is the command; what follows is the command's. */
static int parse(int argc, char *argv[], struct options *options,
		 const struct command **command)
{
	static char *no_words[] = { "status", NULL };
	struct option_list list = command_options(&l1tune);
	int status = options_parse(options, argc, argv, &list, true);

	if (status != STATUS_OK)
		return status;
	if (options->help || options->version) {
		*command = options->help ? &cmd_help : &cmd_version;
		options->help = options->version = false;
		options->num_words = 0;
		return (*command)->run(options);
	}
	if (!options->num_words) {
		options->words = no_words;
		options->num_words = 1;
	}
	*command = command_find(options->words[0], options->error);
	return *command ? command_run(*command, options->num_words, options->words, options) :
			  STATUS_USAGE;
}

int main(int argc, char *argv[])
{
	struct error error = { };
	struct options options = {
		.env = { .sysfs = "/sys", .proc = "/proc",
			 .dev = "/dev", .state = "/var/lib/l1tune",
			 .class_fd = -1, .proc_fd = -1 },
		.error = &error,
	};
	const struct command *command = NULL;
	int status, closed;

	setlocale(LC_ALL, "");
	/* Numbers are read by scripts too: a dot is a dot. */
	setlocale(LC_NUMERIC, "C");
	status = parse(argc, argv, &options, &command);
	if (error.message) {
		complain("%s", error.message);
		fprintf(stderr, "Try 'l1tune%s%s --help'.\n", command ? " " : "",
			command ? command->name : "");
		error_free(&error);
	}
	closed = terminal_close();
	return status == STATUS_OK ? closed : status;
}
