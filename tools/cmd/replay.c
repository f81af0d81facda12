// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/command.h"
#include "cmd/history.h"
#include "record/replayer.h"

/*
 * An interval is looked at for guests that end in it: at each record, or at most so
 * often where there are more of them.
 */
#define LOOKS_MOST	200
/* Used for all directories: what no record has is unknown, never the present value. */
#define NOWHERE		"/dev/null"

/* What a command is to show: as of the end, or what happened in between. */
struct window {
	struct replayer replayer;
	/* With the machine's files as they were; NULL before it is written. */
	char *directory;
	uint64_t start_ns, end_ns;
	bool is_interval;
	const struct command *command;
};

static int parse_window(const struct options *options, struct window *window)
{
	window->is_interval = options->from;
	if (!options->at && !options->from)
		return error_set(options->error, "a time is missing: use --at TIME, or --from TIME --to TIME");
	if (options->at)
		return history_time(options, "--at", options->at, &window->end_ns);
	return history_window(options, &window->start_ns, &window->end_ns);
}

static int find_command(const struct options *options, const struct command **command)
{
	char *list = xstrdup("");
	int status = STATUS_OK;
	size_t i;

	*command = command_find(options->words[0], options->error);
	if (!*command) {
		free(list);
		return STATUS_USAGE;
	}
	for (i = 0; all_commands[i]; i++)
		if (all_commands[i]->replays)
			append(&list, "%s%s", *list ? ", " : "", all_commands[i]->name);
	if (!(*command)->replays)
		status = error_set(options->error, "%s cannot show records: use one of %s",
				   (*command)->name, list);
	free(list);
	return status;
}

static void leave_machine(struct env *env)
{
	env->sysfs = NOWHERE;
	env->proc = NOWHERE;
	env->dev = NOWHERE;
	env->state = NOWHERE;
}

/* What is of the machine and not of its guests is as of the end. */
static int enter_machine(struct options *options, struct window *window,
			 const struct moment *moment)
{
	window->directory = machine_files_enter(&moment->files, &options->env);
	if (window->directory)
		return STATUS_OK;
	complain("cannot write the machine's files as they were: %s: use another TMPDIR",
		 strerror(errno));
	return STATUS_FAILED;
}

/* The records that it needs are found by the command. */
static int enter_events(const struct options *options, struct window *window)
{
	if (!window->is_interval)
		return error_set(options->error, "%s need a time range: use --from TIME, and --to TIME",
				 window->command->name);
	wait_in_past(window->start_ns, window->end_ns);
	return STATUS_OK;
}

/* Commands that look at an interval have the one that ends at the record. */
static int enter_past(struct options *options)
{
	struct window *window = (struct window *)options->env.past;
	const struct moment *last;
	uint64_t start_ns;

	leave_machine(&options->env);
	window->replayer.past.is_moment = !window->is_interval;
	window->replayer.past.start_ns = window->start_ns;
	window->replayer.past.end_ns = window->end_ns;
	if (window->command->replays == REPLAYS_EVENTS)
		return enter_events(options, window);
	if (options->vcpus)
		return error_set(options->error, "records are not per vCPU: omit --vcpus");
	last = replayer_find(&window->replayer, window->end_ns);
	if (!last)
		return STATUS_FAILED;
	if (window->is_interval) {
		if (options->interval_ns == window->end_ns - window->start_ns)
			options->count = 1;
		start_ns = window->start_ns;
	} else {
		window->end_ns = window->replayer.past.end_ns = moment_time_ns(last);
		options->count = options->count ? options->count : 1;
		start_ns = window->end_ns - options->interval_ns * options->count;
	}
	if (options->since_start)
		start_ns = window->end_ns;
	window->replayer.past.step_ns = (window->end_ns - start_ns) / LOOKS_MOST;
	if (window->replayer.past.step_ns < last->interval_ns)
		window->replayer.past.step_ns = 0;
	wait_in_past(start_ns, window->end_ns);
	return window->command->replays == REPLAYS_MACHINE || options->transit ?
	       enter_machine(options, window, last) : STATUS_OK;
}

static int run(struct options *options)
{
	struct options inner = {
		.env = options->env, .json = options->json, .error = options->error,
		.prepare = enter_past,
	};
	struct window window = { };
	int status = parse_window(options, &window);

	if (status == STATUS_OK)
		status = find_command(options, &window.command);
	if (status != STATUS_OK)
		return status;
	status = history_of(options, "systemctl enable --now l1tune-record",
			    &window.replayer);
	if (status == STATUS_OK) {
		inner.env.past = &window.replayer.past;
		if (window.is_interval)
			inner.interval_ns = window.end_ns - window.start_ns;
		status = command_run(window.command, options->num_words, options->words, &inner);
	}
	if (window.directory) {
		free((char *)inner.env.sysfs);
		free((char *)inner.env.proc);
		free((char *)inner.env.state);
		machine_files_remove(window.directory);
	}
	replayer_close(&window.replayer);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(TEXT, 0, "at", "TIME", at, "show the state at TIME", .excludes = "from"),
	OPTION(TEXT, 0, "from", "TIME", from, "show what happened from TIME on"),
	OPTION(TEXT, 0, "to", "TIME", to, "end there; the present by default", .needs = "from"),
	{ }
};

const struct command cmd_replay = {
	.name = "replay",
	.synopsis = "--at TIME | --from TIME [--to TIME] COMMAND [ARGUMENT]...",
	.summary = "run a command as of an earlier time, from the history",
	.about = "Runs list, stat, top, hist, diff, gone, events or advise on the history of l1tune\n"
		 "record: as of one time, or for what happened between two. TIME: 03:12 (the last\n"
		 "one), \"2026-11-26 03:12:30\" in local time, 2026-11-26T03:12:30Z, or -90m (s, m, h\n"
		 "or d). With --at, a command that observes an interval shows the one that ended then.",
	.run = run,
	.takes_command = true,
	.options = own_options,
	.shared_options = OPTIONS_STATE | OPTIONS_JSON,
	.words = WORDS_COMMANDS,
	.least_words = 1,
	.most_words = ANY_NUMBER,
};
