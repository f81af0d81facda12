// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/terminal.h"
#include "cmd/command.h"

/* Of the list of commands in --help. */
#define COMMAND_WIDTH	9

const struct command *const all_commands[] = {
	&cmd_status, &cmd_list, &cmd_stat, &cmd_top, &cmd_hist, &cmd_diff,
	&cmd_limits, &cmd_events, &cmd_gone, &cmd_watch, &cmd_start, &cmd_nested, &cmd_paravirt, &cmd_tune, &cmd_advise, &cmd_try, &cmd_apply,
	&cmd_save, &cmd_record, &cmd_replay, &cmd_report, &cmd_drift, &cmd_export, &cmd_caps, &cmd_probe, &cmd_doctor, &cmd_bench, &cmd_help,
	&cmd_version, &cmd_completion, NULL
};

static const struct option_spec main_options[] = {
	OPTION(FLAG, 'V', "version", NULL, version, "print the version"),
	{ }
};

const struct command l1tune = {
	.synopsis = "[OPTION]... [COMMAND [ARGUMENT]...]",
	.about = "Shows, limits and tunes the exits of KVM guests on a host that is itself a\n"
		 "guest: which guest exits, why, how often, how long, and who spends that time.",
	.options = main_options,
	.shared_options = OPTIONS_JSON,
};

const struct command *command_find(const char *name, struct error *error)
{
	struct nearest nearest = { .word = name };
	char *text;
	size_t i;

	for (i = 0; all_commands[i]; i++) {
		if (!strcmp(all_commands[i]->name, name))
			return all_commands[i];
		if (all_commands[i]->summary)
			nearest_offer(&nearest, all_commands[i]->name);
	}
	text = nearest_text(&nearest, ": l1tune help lists the commands");
	error_set(error, "unknown command '%s'%s", name, text);
	free(text);
	return NULL;
}

struct option_list command_options(const struct command *command)
{
	return options_list(command->options,
			    command->shared_options | OPTIONS_COMMON);
}

static void print_synopsis(const struct command *command)
{
	const char *rest = command->synopsis, *before = "Usage:";
	size_t len;

	for (; rest; rest = rest[len] ? rest + len + 1 : NULL) {
		len = strcspn(rest, "\n");
		printf("%-6s l1tune %s%s%.*s\n", before,
		       command->name ? command->name : "",
		       command->name && len ? " " : "", (int)len, rest);
		before = "";
	}
}

static void print_names(const struct command *command)
{
	struct named named;
	size_t i, width = 0;

	printf("\n%s:\n", command->names_title);
	for (i = 0; command->names(i, &named); i++)
		if (named.help && strlen(named.name) > width)
			width = strlen(named.name);
	for (i = 0; command->names(i, &named); i++)
		if (named.help)
			terminal_print_entry(named.name, width + 2, named.help);
}

void command_print_help(const struct command *command)
{
	struct option_list list = command_options(command);
	size_t i;

	print_synopsis(command);
	putchar('\n');
	terminal_print_text(command->about, 0);
	if (command->words & WORDS_GUESTS)
		terminal_print_text("GUEST: 3, l2-3, pid:N, uid:N, name:GLOB, cgroup:GLOB, tenant:PATH or a name.", 0);
	if (command->names)
		print_names(command);
	if (command == &l1tune)
		printf("\nCommands:\n");
	for (i = 0; command == &l1tune && all_commands[i]; i++)
		if (all_commands[i]->summary)
			terminal_print_entry(all_commands[i]->name, COMMAND_WIDTH, all_commands[i]->summary);
	printf("\nOptions:\n");
	options_print(&list);
	if (command->columns)
		table_print_columns(command->columns, command->num_columns);
	if (command == &l1tune)
		printf("\nl1tune COMMAND --help explains a command; the manual is l1tune(8).\n");
}

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

int command_run(const struct command *command, int argc, char *argv[],
		struct options *options)
{
	struct option_list list = command_options(command);
	struct table table = { };
	int status;

	if (!options->interval_ns)
		options->interval_ns = command->interval_ns;
	status = options_parse(options, argc, argv, &list, command->takes_command);
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
	if (status == STATUS_OK && options->prepare)
		status = options->prepare(options);
	if (status == STATUS_OK) {
		options->table = &table;
		status = command->run(options);
	}
	table_free(&table);
	return status;
}
