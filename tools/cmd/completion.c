// SPDX-License-Identifier: GPL-2.0
/*
 * What may come next on a command line, for the completions of shells: a line
 * each, and after a tab what it is. ":files" and ":directories" are for the
 * shell to complete.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/util.h"
#include "cmd/command.h"
#include "model/cgroup.h"
#include "model/snapshot.h"
#include "model/tenant.h"

#define TENANT	"tenant:"

/* The word that is to be completed. */
struct target {
	/* Not completed: "--sort=", or "ID," of a list. */
	char *prefix;
	const char *rest;
};

/* Users choose names: one that could be more than a word of a line is not offered. */
static void offer(const struct target *target, const char *word,
		  const char *suffix, const char *help)
{
	char *escaped_word = escape_for_terminal(word);
	char *escaped_help = escape_for_terminal(help ? help : "");

	if (begins_with(word, target->rest) && !strcmp(escaped_word, word))
		printf("%s%s%s\t%s\n", target->prefix, word, suffix, escaped_help);
	free(escaped_help);
	free(escaped_word);
}

/* The word up to the last of these letters is prefix, and not completed. */
static void keep_before(struct target *target, const char *letters)
{
	size_t len = strlen(target->rest);

	while (len && !strchr(letters, target->rest[len - 1]))
		len--;
	append(&target->prefix, "%.*s", (int)len, target->rest);
	target->rest += len;
}

/* Not an option, a selector of another kind, or an assignment of limits or tune. */
static bool is_word_of_guest(const char *name)
{
	struct selector selector;

	return *name != '-' && !strchr(name, '=') && !selector_parse(name, &selector) &&
	       selector.kind == SELECT_NAME;
}

/* By its id, and by its name if that word can mean nothing else. */
static void offer_guest(const struct target *target, const struct guest *guest)
{
	char *id = xasprintf("%llu", (unsigned long long)guest->id);

	offer(target, id, "", guest->name);
	if (is_word_of_guest(guest->name))
		offer(target, guest->name, "", guest->comm);
	free(id);
}

/* The guests, or with a word the exit reasons of the guests that it names. */
static void offer_seen(const struct target *target, struct options *options,
		       char **word)
{
	struct selection selection = { };
	const struct snapshot_request request = { .selection = &selection };
	struct snapshot snapshot = { };
	struct host host = { };
	size_t i, j;

	if (env_open(&options->env) != STATUS_OK)
		return;
	if (selection_parse(word, !!word, &selection, options->error) == STATUS_OK &&
	    host_read(&options->env, &host) == STATUS_OK)
		snapshot_take(&options->env, &host, &request, &snapshot);
	for (i = 0; i < snapshot.num_guests; i++) {
		const struct guest_snapshot *guest = &snapshot.guests[i];

		if (!word)
			offer_guest(target, &guest->guest);
		for (j = 0; word && j < guest->stats.num_cells; j++)
			offer(target, guest->stats.cells[j].key.reason, "", "");
	}
	snapshot_free(&snapshot);
	host_free(&host);
	selection_free(&selection);
	env_close(&options->env);
}

/* What the module knows as tenants. */
static void offer_tenants(const struct target *target, struct options *options,
			  const char *prefix)
{
	struct tenants tenants = { };
	char *file = NULL;
	size_t i;

	if (env_open(&options->env) != STATUS_OK)
		return;
	tenants_read(&options->env, &tenants, &file);
	for (i = 0; i < tenants.num; i++) {
		char *word = xasprintf("%s%s", prefix, tenants.v[i].cgroup);

		offer(target, word, "", "");
		free(word);
	}
	free(file);
	tenants_free(&tenants);
	env_close(&options->env);
}

/* Cgroups in the directory that the word has by now. */
static void offer_cgroups(const struct target *target, struct options *options,
			  const char *prefix)
{
	const char *path = target->rest + strlen(prefix), *slash;
	struct cgroup_mounts mounts = { };
	struct dirent *entry;
	char *directory;
	DIR *dir = NULL;

	slash = begins_with(target->rest, prefix) ? strrchr(path, '/') : NULL;
	if (!slash || env_open(&options->env) != STATUS_OK)
		return;
	cgroup_mounts_update(&options->env, &mounts);
	directory = mounts.v2 ? xasprintf("%s%.*s", mounts.v2, (int)(slash - path + 1), path) : NULL;
	if (directory)
		dir = opendir(directory);
	while (dir && (entry = readdir(dir))) {
		char *word = xasprintf("%s%.*s%s", prefix, (int)(slash - path + 1), path,
				       entry->d_name);

		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			offer(target, word, "", "");
		free(word);
	}
	if (dir)
		closedir(dir);
	free(directory);
	cgroup_mounts_free(&mounts);
	env_close(&options->env);
}

static void offer_paths(const struct target *target, struct options *options,
			const char *prefix)
{
	offer_tenants(target, options, prefix);
	offer_cgroups(target, options, prefix);
}

static void offer_columns(struct target *target, const struct command *command,
			  const char *separators)
{
	size_t i;

	keep_before(target, separators);
	for (i = 0; i < command->num_columns; i++)
		offer(target, command->columns[i].name, "",
		      command->columns[i].help);
}

static void offer_list(const struct target *target, const char *list,
		       const char *separators)
{
	char *copy = xstrdup(list), *rest = copy, *word;

	while ((word = strsep(&rest, separators)))
		if (*word)
			offer(target, word, "", "");
	free(copy);
}

static void offer_argument(struct target *target, const struct command *command,
			   const char *argument, struct options *options)
{
	if (!strcmp(argument, "FILE"))
		puts(":files");
	else if (!strcmp(argument, "DIR"))
		puts(":directories");
	else if (!strcmp(argument, "GUEST"))
		offer_seen(target, options, NULL);
	else if (!strcmp(argument, "PATH"))
		offer_paths(target, options, "");
	else if (!strcmp(argument, "COLUMNS"))
		offer_columns(target, command, ",+");
	else if (!strcmp(argument, "COLUMN"))
		offer_columns(target, command, "-");
	else if (strchr(argument, '|'))
		offer_list(target, argument, "|");
}

static void offer_options(struct target *target, const struct option_list *list)
{
	size_t i;

	target->rest += strspn(target->rest, "-");
	append(&target->prefix, "--");
	for (i = 0; i < list->num; i++)
		offer(target, list->v[i]->name, "", list->v[i]->help);
}

static void offer_names(struct target *target, const struct command *command)
{
	const char *equals = strchr(target->rest, '=');
	size_t len = equals ? (size_t)(equals - target->rest) : 0, i;
	bool assigns = command->words & WORDS_ASSIGNMENTS;
	struct named named;

	for (i = 0; command->names(i, &named); i++) {
		if (!equals || !assigns) {
			offer(target, named.name, assigns ? "=" : "", named.help);
		} else if (strlen(named.name) == len &&
			   !strncmp(named.name, target->rest, len)) {
			keep_before(target, "=");
			if (named.values)
				offer_list(target, named.values, " ");
			return;
		}
	}
}

static void offer_commands(const struct target *target)
{
	size_t i;

	for (i = 0; all_commands[i]; i++)
		if (all_commands[i]->summary)
			offer(target, all_commands[i]->name, "",
			      all_commands[i]->summary);
}

/* @words: those after the command that are already typed. */
static void offer_words(struct target *target, const struct command *command,
			char **words, int num, struct options *options)
{
	if (command == &l1tune || (command->words & WORDS_COMMANDS && !num))
		offer_commands(target);
	if (num >= command->most_words)
		return;
	if (command->words & WORDS_REASONS && num)
		offer_seen(target, options, words);
	else if (command->words & WORDS_GUESTS)
		offer_seen(target, options, NULL);
	/* There may be thousands: only after "tenant:". */
	if (command->words & WORDS_TENANTS && begins_with(target->rest, TENANT))
		offer_paths(target, options, TENANT);
	else if (command->words & WORDS_TENANTS)
		offer(target, TENANT, "", "a cgroup or pattern of cgroups");
	if (command->words & WORDS_FILES)
		puts(":files");
	if (command->words & (WORDS_NAMES | WORDS_ASSIGNMENTS))
		offer_names(target, command);
}

/* The option that a word of this length is, if a value follows it. */
static const struct option_spec *find_option(const struct option_list *list,
					     const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < list->num; i++) {
		const struct option_spec *spec = list->v[i];
		bool is_long = len > 2 && len - 2 == strlen(spec->name) &&
			       !strncmp(word + 2, spec->name, len - 2);

		if (spec->argument &&
		    (is_long || (len == 2 && word[1] == spec->letter)))
			return spec;
	}
	return NULL;
}

static int run(struct options *options)
{
	int num_words = options->num_words - 1, num = 0, i;
	const char *current = options->words[num_words];
	struct target target = { .prefix = xstrdup(""), .rest = current };
	const struct command *command = &l1tune;
	struct option_list list = command_options(command);
	char **words = xcalloc(options->num_words, sizeof(*words));
	const struct option_spec *option = NULL;

	complain_to(complain_ignore);
	for (i = 0; i < num_words && command; i++) {
		char *word = options->words[i];

		if (option) {
			option = NULL;
		} else if (*word == '-') {
			option = find_option(&list, word, strlen(word));
		} else if (command == &l1tune) {
			command = command_find(word, options->error);
			list = command_options(command ? command : &l1tune);
		} else {
			words[num++] = word;
		}
	}
	if (!option && *current == '-' && strchr(current, '=')) {
		option = find_option(&list, current, strcspn(current, "="));
		keep_before(&target, "=");
	}
	if (command && option)
		offer_argument(&target, command, option->argument, options);
	else if (command && *current == '-')
		offer_options(&target, &list);
	else if (command)
		offer_words(&target, command, words, num, options);
	error_free(options->error);
	complain_to(NULL);
	free(words);
	free(target.prefix);
	return STATUS_OK;
}

const struct command cmd_completion = {
	.name = "completion",
	.synopsis = "-- [WORD]... CURRENT",
	.about = "Prints what can complete CURRENT after these words, for shell completion: one per\n"
		 "line, with a description after a tab.",
	.run = run,
	.least_words = 1,
	.most_words = ANY_NUMBER,
};
