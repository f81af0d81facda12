// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/command.h"
#include "cmd/watch.h"

/* The module's lease lasts ten seconds. */
#define RENEW_NS	(3 * NSEC_PER_SEC)

/* How often vCPUs are looked at while nothing is reported. */
#define LEAST_LOOK_NS	(NSEC_PER_SEC / 20)
#define MOST_LOOK_NS	(NSEC_PER_SEC / 2)

/*
 * Has the module keep such exits, and name who had the CPU. Who may not have that
 * done gets what it keeps anyway.
 */
static int renew(struct watcher *w)
{
	const struct env *env = &w->options->env;
	uint64_t over_ns = UINT64_MAX;
	char text[24];
	int err;

	w->renew_at = monotonic_ns() + RENEW_NS;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)w->options->over_ns);
	err = sysfs_write(env->class_fd, "l1/slow/watch_over_ns", text);
	if (!err || w->is_renewed) {
		w->is_renewed = true;
		return STATUS_OK;
	}
	sysfs_read_u64(env->class_fd, "l1/slow/over_ns", &over_ns);
	if (!sysfs_is_withheld(err) || w->options->over_ns < over_ns)
		return env_complain(env, "l1/slow/watch_over_ns", err);
	complain("which task had a CPU is unknown: only root can trace context switches");
	w->is_renewed = true;
	w->renew_at = UINT64_MAX;
	return STATUS_OK;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a && (!b || a < b) ? a : b;
}

/*
 * Until something happens, or it is time to look; false when it is to end. The attribute is
 * read before it is waited for; where that fails the look tells why.
 */
static bool wait_next(struct watcher *w)
{
	char buf[32];

	if (w->exits_fd >= 0 && pread(w->exits_fd, buf, sizeof(buf), 0) < 0) {
		close(w->exits_fd);
		w->exits_fd = -1;
	}
	return wait_until_changed(w->look_at, w->exits_fd) != WAIT_END;
}

static int watch(struct watcher *w)
{
	int status = STATUS_OK;

	if (w->options->over_ns && monotonic_ns() >= w->renew_at)
		status = renew(w);
	return status == STATUS_OK ? watch_look(w) : status;
}

/* What was found until something went wrong is summed up as well. */
static int follow(struct watcher *w)
{
	int status = watch(w), summed_up;

	while (status == STATUS_OK && !w->is_over && wait_next(w))
		status = watch(w);
	if (!w->is_started)
		return status;
	summed_up = watch_summarize(w);
	return status == STATUS_OK ? summed_up : status;
}

static void free_watcher(struct watcher *w)
{
	size_t i;

	for (i = 0; i < w->num; i++)
		free(w->v[i].stack);
	blame_free(&w->culprits);
	free(w->v);
	if (w->exits_fd >= 0)
		close(w->exits_fd);
	selection_free(&w->selection);
	host_close(&w->options->env, &w->host);
}

static int check_part(const struct options *options)
{
	enum time_part part;

	if (!options->part || !strcmp(options->part, "stolen"))
		return STATUS_OK;
	for (part = 0; part < NUM_PARTS; part++)
		if (part != PART_HALTED && !strcmp(options->part, time_part_names[part]))
			return STATUS_OK;
	return error_set(options->error, "--part: '%s' is not one of kernel, vmm, vmm_sleep, blocked, runq, throttled, stolen",
			 options->part);
}

static int run(struct options *options)
{
	struct watcher w = { .options = options, .exits_fd = -1 };
	int status = STATUS_OK;

	if (!options->over_ns && !options->hang_ns)
		status = error_set(options->error, "--over TIME or --hang TIME is missing");
	if (status == STATUS_OK)
		status = check_part(options);
	if (status == STATUS_OK)
		status = actions_parse(&options->actions, &w.actions, options->error);
	if (status == STATUS_OK)
		status = selection_parse(options->words, options->num_words,
					 &w.selection, options->error);
	if (status != STATUS_OK)
		return status;
	w.look_ns = least(options->over_ns, options->hang_ns) / 4;
	if (w.look_ns < LEAST_LOOK_NS)
		w.look_ns = LEAST_LOOK_NS;
	if (w.look_ns > MOST_LOOK_NS)
		w.look_ns = MOST_LOOK_NS;
	wait_catch_signals();
	status = host_open(&options->env, &w.host);
	if (status == STATUS_OK && options->over_ns)
		w.exits_fd = openat(options->env.class_fd, "l1/slow/exits",
				    O_RDONLY | O_CLOEXEC);
	if (status == STATUS_OK && options->over_ns && w.exits_fd < 0)
		status = env_complain(&options->env, "l1/slow/exits", -errno);
	if (status == STATUS_OK)
		status = follow(&w);
	free_watcher(&w);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(TIME, 0, "over", "TIME", over_ns, "report exits that take longer, such as 5ms"),
	OPTION(TIME, 0, "hang", "TIME", hang_ns, "report vCPUs that make no progress for this long"),
	OPTION(TEXT, 0, "reason", "REASON", reason, "only exits for this reason", .needs = "over"),
	OPTION(TEXT, 0, "part", "PART", part,
	       "only exits that spent most of their time in: kernel, vmm,\n"
	       "vmm_sleep, blocked, runq, throttled or stolen", .needs = "over"),
	OPTION(TEXTS, 0, "on-threshold", "ACTION", actions,
	       "print, snapshot,dir=DIR, shell,command=COMMAND,\n"
	       "signal,num=N or continue; may be repeated"),
	OPTION(NUMBER, 'c', "count", "N", count, "stop after N reports"),
	{ }
};

const struct command cmd_watch = {
	.name = "watch",
	.synopsis = "--over TIME | --hang TIME [OPTION]... [GUEST]...",
	.summary = "report slow exits and hanging vCPUs as they happen, with the culprit",
	.about = "Reports each exit that takes longer than --over, with what took the time, and each\n"
		 "vCPU that has work and neither exits nor enters for --hang, with where it is stuck.\n"
		 "Runs until it is interrupted, then sums up the culprits.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_STATE | OPTIONS_JSON,
	.words = WORDS_GUESTS,
	.most_words = ANY_NUMBER,
};
