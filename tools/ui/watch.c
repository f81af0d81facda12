// SPDX-License-Identifier: GPL-2.0
#include "base/terminal.h"
#include "base/util.h"
#include "base/wait.h"
#include "ui/watch.h"

/* Sleeps until *next and moves it on; false when a signal asks to end. */
static bool wait_for(uint64_t *next, uint64_t interval_ns)
{
	enum wait_result result = wait_until(*next, -1);
	uint64_t now = monotonic_ns();

	/* A stop of the process is not made up for by a burst. */
	*next += interval_ns;
	if (*next <= now)
		*next = now + interval_ns;
	return result != WAIT_END;
}

static int show_one(const struct options *options, const struct host *host,
		    const struct snapshot *snapshot, watch_fn show, void *arg)
{
	int status = show(options, host, snapshot, arg);

	return status == STATUS_OK ? terminal_flush() : status;
}

static int once(const struct options *options,
		const struct snapshot_request *request, watch_fn show, void *arg)
{
	struct snapshot snapshot;
	struct host host;
	int status = snapshot_read(&options->env, request, &host, &snapshot), shown;

	if (status == STATUS_OK || status == STATUS_FAILED) {
		shown = show_one(options, &host, &snapshot, show, arg);
		if (status == STATUS_OK)
			status = shown;
	}
	snapshot_free(&snapshot);
	host_free(&host);
	return status;
}

static int intervals(const struct options *options,
		     const struct snapshot_request *request, watch_fn show,
		     void *arg)
{
	uint64_t next = monotonic_ns() + options->interval_ns, done = 0;
	struct snapshot before, after, diff;
	struct host host;
	int status;

	wait_catch_signals();
	status = snapshot_read(&options->env, request, &host, &before);
	host_free(&host);
	while (status == STATUS_OK &&
	       wait_for(&next, options->interval_ns)) {
		status = snapshot_read(&options->env, request, &host, &after);
		if (status == STATUS_OK) {
			snapshot_subtract(&before, &after, &diff);
			status = show_one(options, &host, &diff, show, arg);
			snapshot_free(&diff);
		}
		host_free(&host);
		snapshot_free(&before);
		before = after;
		if (++done == options->count)
			break;
	}
	snapshot_free(&before);
	return status;
}

int watch(struct options *options, const struct selection *selection,
	  watch_fn show, void *arg)
{
	const struct snapshot_request request = {
		.selection = selection,
		.all = options->all,
		.vcpus = options->vcpus,
	};
	int status = env_open(&options->env);

	if (status != STATUS_OK)
		return status;
	status = options->interval_ns ?
		 intervals(options, &request, show, arg) :
		 once(options, &request, show, arg);
	env_close(&options->env);
	return status;
}

int watch_words(struct options *options, watch_fn show, void *arg)
{
	struct selection selection;
	int status = selection_parse(options->words, options->num_words,
				     &selection, options->error);

	if (status == STATUS_OK)
		status = watch(options, &selection, show, arg);
	selection_free(&selection);
	return status;
}

int watch_host(struct options *options,
	       int (*show)(const struct options *options, const struct host *host))
{
	struct host host;
	int status = host_open(&options->env, &host);

	if (status == STATUS_OK)
		status = show(options, &host);
	host_close(&options->env, &host);
	return status;
}
