// SPDX-License-Identifier: GPL-2.0
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/terminal.h"
#include "cmd/command.h"

static int check_words(const struct command *command, const struct options *options)
{
	if (options->num_words < command->least_words)
		return error_set(options->error, "too few arguments; usage: l1tune %s %s",
				 command->name, command->synopsis);
	if (options->num_words > command->most_words)
		return error_set(options->error, command->most_words ?
				 "too many arguments; usage: l1tune %s %s" :
				 "%s takes no arguments", command->name,
				 command->synopsis);
	/* It may stand before the command, too. */
	if (options->json && !(command->shared_options & OPTIONS_JSON))
		return error_set(options->error, "%s does not print JSON",
				 command->name);
	return STATUS_OK;
}

static int run(const struct command *command, int argc, char *argv[],
	       struct options *options)
{
	struct option_list list = command_options(command);
	struct table table = { };
	int status;

	options->interval_ns = command->interval_ns;
	status = options_parse(options, argc, argv, &list, false);
	if (status == STATUS_OK && options->help) {
		command_print_help(command);
		return STATUS_OK;
	}
	if (status == STATUS_OK)
		status = check_words(command, options);
	if (status == STATUS_OK && command->columns)
		status = table_init(&table, command->columns, command->num_columns,
				    command->default_columns, options->columns,
				    options->sort, options->error);
	if (status == STATUS_OK) {
		options->table = &table;
		status = command->run(options);
	}
	table_free(&table);
	return status;
}

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
	return *command ? run(*command, options->num_words, options->words, options) :
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
