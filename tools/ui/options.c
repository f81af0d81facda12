// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/terminal.h"
#include "ui/options.h"

#define MIN_INTERVAL	0.01
#define MAX_INTERVAL	86400.0

/* The module tells no slow exits below the first from others. */
#define MIN_TIME_NS	100e3
#define MAX_TIME_NS	3600e9

/* Where the text of help begins. */
#define HELP_COLUMN	24

/* getopt_long() returns this for the first option of a list. */
#define FIRST		0x100

static const struct {
	unsigned int set;
	struct option_spec spec;
} shared[] = {
	{ OPTIONS_INTERVALS, OPTION(SECONDS, 'i', "interval", "SEC", interval_ns,
				    "show intervals, from now on") },
	{ OPTIONS_INTERVALS, OPTION(NUMBER, 'c', "count", "N", count,
				    "stop after N intervals", .needs = "interval") },
	{ OPTIONS_DEV, OPTION(TEXT, 0, "dev", "DIR", env.dev, "use DIR instead of /dev") },
	{ OPTIONS_STATE, OPTION(TEXT, 0, "state", "DIR", env.state,
				"use DIR instead of /var/lib/l1tune") },
	{ OPTIONS_TABLE, OPTION(TEXT, 'o', "output", "COLUMNS", columns,
				"show these columns; with +COLUMNS, these as well") },
	{ OPTIONS_TABLE, OPTION(TEXT, 0, "sort", "COLUMN", sort,
				"largest first, text from A to Z; -COLUMN reverses") },
	{ OPTIONS_TABLE, OPTION(FLAG, 0, "noheadings", NULL, style.noheadings,
				"do not print the line of headings") },
	{ OPTIONS_JSON, OPTION(FLAG, 'J', "json", NULL, json,
			       "print one JSON document; with -i one per line") },
	{ OPTIONS_JSON, OPTION(FLAG, 0, "bytes", NULL, style.bytes,
			       "print bytes and ns instead of human-readable units") },
	{ OPTIONS_COMMON, OPTION(TEXT, 0, "sysfs", "DIR", env.sysfs,
				 "use DIR instead of /sys, as in a container") },
	{ OPTIONS_COMMON, OPTION(TEXT, 0, "proc", "DIR", env.proc,
				 "use DIR instead of /proc") },
	{ OPTIONS_COMMON, OPTION(FLAG, 'h', "help", NULL, help, "print this text") },
};

struct option_list options_list(const struct option_spec *own, unsigned int sets)
{
	struct option_list list = { };
	size_t i;

	for (; own && own->name; own++)
		list.v[list.num++] = own;
	for (i = 0; i < ARRAY_SIZE(shared); i++)
		if (shared[i].set & sets)
			list.v[list.num++] = &shared[i].spec;
	return list;
}

void options_print(const struct option_list *list)
{
	size_t i;

	for (i = 0; i < list->num; i++) {
		const struct option_spec *spec = list->v[i];
		char letter[] = { '-', spec->letter, ',', '\0' };
		int len = printf("  %-3s --%s%s%s ", spec->letter ? letter : "",
				 spec->name, spec->argument ? " " : "",
				 spec->argument ? spec->argument : "");

		printf("%*s", len < HELP_COLUMN ? HELP_COLUMN - len : 1, "");
		terminal_print_text(spec->help, HELP_COLUMN);
	}
}

static size_t find(const struct option_list *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->num && strcmp(list->v[i]->name, name); i++)
		;
	return i;
}

/* The option that getopt_long() names by a letter, or by its number in the list. */
static size_t index_of(const struct option_list *list, int value)
{
	size_t i;

	for (i = 0; i < list->num; i++)
		if (value == list->v[i]->letter || value == (int)(FIRST + i))
			break;
	return i;
}

static int take_seconds(const struct option_spec *spec, const char *text,
			uint64_t *ns, struct error *error)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || strcmp(end + (*end == 's'), "") || !isfinite(seconds) ||
	    seconds < MIN_INTERVAL || seconds > MAX_INTERVAL)
		return error_set(error, "--%s: '%s' is not a number of seconds from %g to %g",
				 spec->name, text, MIN_INTERVAL, MAX_INTERVAL);
	*ns = seconds * NSEC_PER_SEC;
	return STATUS_OK;
}

/* "5ms" */
static int take_time(const struct option_spec *spec, const char *text,
		     uint64_t *ns, struct error *error)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 },
	};
	char *end;
	double value = strtod(text, &end);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(units); i++)
		if (end != text && !strcmp(end, units[i].name))
			break;
	if (i < ARRAY_SIZE(units) && value * units[i].ns >= MIN_TIME_NS &&
	    value * units[i].ns <= MAX_TIME_NS) {
		*ns = value * units[i].ns;
		return STATUS_OK;
	}
	return error_set(error, "--%s: '%s' is not a time from 100us to 60m, such as 5ms or 2s",
			 spec->name, text);
}

static int take_texts(const struct option_spec *spec, const char *text,
		      struct texts *texts, struct error *error)
{
	if (texts->num == ARRAY_SIZE(texts->v))
		return error_set(error, "--%s may be given %zu times at most", spec->name,
				 texts->num);
	texts->v[texts->num++] = text;
	return STATUS_OK;
}

static int take_number(const struct option_spec *spec, const char *text,
		       uint64_t *number, struct error *error)
{
	const char *choice = strchr(spec->argument, '|') ?
			     strstr(spec->argument, text) : text;

	if (choice && !parse_u64(text, number) && *number)
		return STATUS_OK;
	return error_set(error, choice == text ?
			 "--%s: '%s' is not a whole number from 1" :
			 "--%s: '%s' is not one of %s", spec->name, text,
			 spec->argument);
}

/* Is it one of the words between |? */
static bool is_choice(const char *words, const char *text)
{
	size_t len;

	for (; *words; words += len + !!words[len]) {
		len = strcspn(words, "|");
		if (len == strlen(text) && !strncmp(words, text, len))
			return true;
	}
	return false;
}

static int take_text(const struct option_spec *spec, const char *text,
		     const char **member, struct error *error)
{
	if (islower((unsigned char)*spec->argument) && !is_choice(spec->argument, text))
		return error_set(error, "--%s: invalid value '%s': use %s", spec->name, text,
				 spec->argument);
	*member = text;
	return STATUS_OK;
}

static int take(struct options *options, const struct option_spec *spec,
		const char *text)
{
	void *member = (char *)options + spec->member;

	switch (spec->type) {
	case OPTION_FLAG:
		*(bool *)member = true;
		break;
	case OPTION_TEXT:
		return take_text(spec, text, member, options->error);
	case OPTION_SECONDS:
		return take_seconds(spec, text, member, options->error);
	case OPTION_NUMBER:
		return take_number(spec, text, member, options->error);
	case OPTION_TIME:
		return take_time(spec, text, member, options->error);
	case OPTION_TEXTS:
		return take_texts(spec, text, member, options->error);
	}
	return STATUS_OK;
}

/* What getopt_long() did not take; found is '?', or ':' for a missing value. */
static int refuse(const struct option_list *list, int found, const char *word,
		  struct error *error)
{
	struct nearest nearest = { .word = word + strspn(word, "-") };
	size_t i = index_of(list, optopt);

	if (optopt && i < list->num)
		return found == ':' ?
		       error_set(error, "--%s needs a value: --%s %s", list->v[i]->name,
				 list->v[i]->name, list->v[i]->argument) :
		       error_set(error, "--%s takes no value", list->v[i]->name);
	if (optopt)
		return error_set(error, "unknown option '-%c'", optopt);
	for (i = 0; i < list->num; i++)
		nearest_offer(&nearest, list->v[i]->name);
	return error_set(error, nearest.name ?
			 "unknown option '%s': did you mean --%s?" :
			 "unknown option '%s'", word, nearest.name);
}

static int check_together(const struct option_list *list, const bool *given,
			  struct error *error)
{
	size_t i;

	for (i = 0; i < list->num; i++) {
		const struct option_spec *spec = list->v[i];

		if (given[i] && spec->excludes && given[find(list, spec->excludes)])
			return error_set(error, "--%s and --%s are mutually exclusive",
					 spec->name, spec->excludes);
		if (given[i] && spec->needs && !given[find(list, spec->needs)])
			return error_set(error, "--%s needs --%s", spec->name,
					 spec->needs);
	}
	return STATUS_OK;
}

int options_parse(struct options *options, int argc, char *argv[],
		  const struct option_list *list, bool is_main)
{
	struct option longs[ARRAY_SIZE(list->v) + 1] = { };
	char shorts[3 + 2 * ARRAY_SIZE(list->v)] = { }, *letter;
	bool given[ARRAY_SIZE(list->v) + 1] = { };
	int found, status = STATUS_OK;
	size_t i;

	letter = stpcpy(shorts, is_main ? "+:" : ":");
	for (i = 0; i < list->num; i++) {
		longs[i] = (struct option) {
			list->v[i]->name, !!list->v[i]->argument, NULL, FIRST + i
		};
		if (list->v[i]->letter)
			letter += sprintf(letter, "%c%s", list->v[i]->letter,
					  list->v[i]->argument ? ":" : "");
	}
	optind = 0;
	while (status == STATUS_OK && !options->help && !options->version) {
		found = getopt_long(argc, argv, shorts, longs, NULL);
		if (found < 0)
			break;
		i = index_of(list, found);
		if (i == list->num)
			return refuse(list, found, argv[optind - 1], options->error);
		given[i] = true;
		status = take(options, list->v[i], optarg);
	}
	options->words = argv + optind;
	options->num_words = argc - optind;
	return status != STATUS_OK || options->help ? status :
	       check_together(list, given, options->error);
}
