// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "terminal.h"
#include "util.h"
#include "watch.h"

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/*
 * Blocked all the time and taken here, between two outputs: what is printed is
 * printed whole.
 */
static void block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
	sigprocmask(SIG_BLOCK, signals, NULL);
}

/* Sleeps until *next and moves it on; true when a signal asks to end. */
static bool wait_for(uint64_t *next, uint64_t interval_ns,
		     const sigset_t *signals)
{
	uint64_t now;

	while ((now = monotonic_ns()) < *next) {
		struct timespec left = {
			.tv_sec = (*next - now) / NSEC_PER_SEC,
			.tv_nsec = (*next - now) % NSEC_PER_SEC,
		};

		if (sigtimedwait(signals, NULL, &left) >= 0)
			return true;
		if (errno == EAGAIN)
			break;
	}
	/* A stop of the process is not made up for by a burst. */
	*next += interval_ns;
	if (*next <= now)
		*next = now + interval_ns;
	return false;
}

static int take(const struct options *options,
		const struct snapshot_request *request, struct host *host,
		struct snapshot *snapshot)
{
	int status = host_read(&options->env, host);

	*snapshot = (struct snapshot){ };
	return status == STATUS_OK ?
	       snapshot_take(&options->env, host, request, snapshot) : status;
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
	int status = take(options, request, &host, &snapshot), shown;

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
	sigset_t signals;
	int status;

	block_signals(&signals);
	status = take(options, request, &host, &before);
	host_free(&host);
	while (status == STATUS_OK &&
	       !wait_for(&next, options->interval_ns, &signals)) {
		status = take(options, request, &host, &after);
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
