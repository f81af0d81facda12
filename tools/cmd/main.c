// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

/*
 * The first file that is opened would be stdout or stderr if that is closed, and get what is
 * printed: samples, a history or a lock. Writes to these still fail, as to a closed one.
 */
static void occupy_closed_streams(void)
{
	int fd;

	do
		fd = open("/", O_PATH);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
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

	occupy_closed_streams();
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
