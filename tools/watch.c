// SPDX-License-Identifier: GPL-2.0
#include <signal.h>
#include <sys/select.h>
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

static volatile sig_atomic_t is_asked_to_end;

static void ask_to_end(int signal_number)
{
	(void)signal_number;
	is_asked_to_end = 1;
}

/*
 * The first signal ends between two outputs, so that what is printed is
 * printed whole; the second one at once, should the output be stuck.
 */
static void catch_signals(sigset_t *signals)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = {
		.sa_handler = ask_to_end,
		.sa_flags = SA_RESTART | SA_RESETHAND,
	};
	size_t i;

	sigemptyset(signals);
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct sigaction old;

		sigaddset(signals, numbers[i]);
		/* What nohup and the like made to be ignored stays so. */
		if (!sigaction(numbers[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
}

/* Sleeps until *next and moves it on; false when a signal asks to end. */
static bool wait_for(uint64_t *next, uint64_t interval_ns,
		     const sigset_t *signals)
{
	sigset_t unblocked;
	uint64_t now;

	/* Only pselect() lets them in, or one could come just before it. */
	sigprocmask(SIG_BLOCK, signals, &unblocked);
	while ((now = monotonic_ns()) < *next && !is_asked_to_end) {
		struct timespec left = {
			.tv_sec = (*next - now) / NSEC_PER_SEC,
			.tv_nsec = (*next - now) % NSEC_PER_SEC,
		};

		pselect(0, NULL, NULL, NULL, &left, &unblocked);
	}
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
	/* A stop of the process is not made up for by a burst. */
	*next += interval_ns;
	if (*next <= now)
		*next = now + interval_ns;
	return !is_asked_to_end;
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

	catch_signals(&signals);
	status = take(options, request, &host, &before);
	host_free(&host);
	while (status == STATUS_OK &&
	       wait_for(&next, options->interval_ns, &signals)) {
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
