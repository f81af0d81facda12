// SPDX-License-Identifier: GPL-2.0
#include "base/error.h"
#include "base/sysfs.h"
#include "base/terminal.h"
#include "base/util.h"
#include "base/wait.h"
#include "model/past.h"
#include "ui/intervals.h"

/*
 * The counts of a guest disappear with it, so they are also read within an interval:
 * LOOKS times, but at most once per LOOK_NS, and once per LOOK_NS_PER_GUEST for each
 * guest, so that the cost of reading is bounded.
 */
#define LOOKS			3
#define LOOK_NS			(NSEC_PER_SEC / 4)
#define LOOK_NS_PER_GUEST	(NSEC_PER_SEC / 100)

/* Shows intervals; what the counts were at the start of the present one. */
struct watcher {
	const struct options *options;
	const struct snapshot_request *request;
	intervals_fn show;
	void *arg;
	struct snapshot before;
	/* Guests as they were seen last within it. */
	struct snapshot seen;
	/* A guest could not be read, in an interval that was shown. */
	bool is_incomplete;
};

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
		    const struct snapshot *snapshot, intervals_fn show, void *arg)
{
	int status = show(options, host, snapshot, arg);

	return status == STATUS_OK ? terminal_flush() : status;
}

/* Guests that could not be read are missing; without the host there is nothing to show. */
static bool can_be_shown(int status, const struct snapshot *snapshot)
{
	return status == STATUS_OK || (status == STATUS_FAILED && snapshot->taken_ns);
}

static int once(const struct options *options,
		const struct snapshot_request *request, intervals_fn show, void *arg)
{
	struct snapshot snapshot;
	struct host host;
	int status = snapshot_read(&options->env, request, &host, &snapshot), shown;

	if (can_be_shown(status, &snapshot)) {
		shown = show_one(options, &host, &snapshot, show, arg);
		if (status == STATUS_OK)
			status = shown;
	}
	snapshot_free(&snapshot);
	host_free(&host);
	return status;
}

/* What cannot be read now is complained of at the end of the interval. */
static void look(struct watcher *watcher)
{
	const struct env *env = &watcher->options->env;
	struct snapshot_request request = *watcher->request;
	struct host host = { };
	struct snapshot now = { };
	bool is_read;

	request.may_match_none = true;
	request.beside = request.tenants = false;
	complain_to(complain_ignore);
	if (env->past) {
		is_read = snapshot_read(env, &request, &host, &now) == STATUS_OK;
	} else {
		/* Nothing else of the host is needed. */
		is_read = !sysfs_read_u64(env->class_fd, "l1/loaded_ns", &host.loaded_ns);
		if (is_read)
			snapshot_take(env, &host, &request, &now);
	}
	if (is_read) {
		snapshot_keep_ended(&now, &watcher->seen);
		watcher->seen = now;
	} else {
		snapshot_free(&now);
	}
	host_free(&host);
	complain_to(NULL);
}

/* A record may be late: to look as often as one is made would pass over some. */
static uint64_t next_look_in_past(struct past *past)
{
	uint64_t time_ns = realtime_ns();

	if (past->step_ns)
		return time_ns + past->step_ns;
	return past->find(past, true, &time_ns) ? time_ns : UINT64_MAX;
}

/* One shortly before the end would tell no more than the end does. */
static uint64_t next_look(const struct watcher *watcher, uint64_t end_ns)
{
	struct past *past = watcher->options->env.past;
	uint64_t step = watcher->options->interval_ns / (LOOKS + 1);
	uint64_t least = LOOK_NS_PER_GUEST * watcher->before.num_guests;
	uint64_t now = monotonic_ns();

	if (past)
		return next_look_in_past(past);
	if (least < LOOK_NS)
		least = LOOK_NS;
	if (step < least)
		step = least;
	return now + step + step / 2 < end_ns ? now + step : UINT64_MAX;
}

/* Until *next, which it moves on; false when a signal asks to end. */
static bool wait_and_look(struct watcher *watcher, uint64_t *next)
{
	uint64_t at;

	while (at = next_look(watcher, *next), at < *next) {
		if (wait_until(at, -1) == WAIT_END)
			return false;
		look(watcher);
	}
	return wait_for(next, watcher->options->interval_ns);
}

static void complain_of_ended(const struct guest_snapshot *guest,
			      uint64_t lived_ns)
{
	unsigned long long id = guest->guest.id;
	const char *name = guest->guest.name;

	if (lived_ns)
		complain("guest %llu (%s) ended after %.1f s of the interval; what follows is for that time",
			 id, name, lived_ns / (double)NSEC_PER_SEC);
	else
		complain("guest %llu (%s) ended in the interval; its exits in it are unknown",
			 id, name);
}

/* Of another load of the module nothing is known about guests of the one before. */
static void complain_of_all_ended(const struct snapshot *before,
				  const struct snapshot *after,
				  const struct snapshot *diff)
{
	size_t i;

	if (before->loaded_ns != after->loaded_ns) {
		complain("the module was loaded again in the interval: what follows is since then");
		return;
	}
	for (i = 0; i < diff->num_guests; i++)
		if (diff->guests[i].is_ended)
			complain_of_ended(&diff->guests[i],
					  diff->guests[i].interval_ns);
	for (i = 0; i < before->num_guests; i++)
		if (!snapshot_find(after, &before->guests[i], before->loaded_ns) &&
		    !snapshot_lacks(after, &before->guests[i]))
			complain_of_ended(&before->guests[i], 0);
}

/* Notes it if a guest could not be read, which is no reason to end. */
static int take_what_can_be_read(struct watcher *watcher,
				 const struct snapshot_request *request,
				 struct host *host, struct snapshot *snapshot)
{
	int status = snapshot_read(&watcher->options->env, request, host, snapshot);

	if (status == STATUS_OK || !can_be_shown(status, snapshot))
		return status;
	watcher->is_incomplete = true;
	return STATUS_OK;
}

static int end_interval(struct watcher *watcher)
{
	struct snapshot_request request = *watcher->request;
	struct snapshot after, diff;
	struct host host;
	int status;

	request.may_match_none = true;
	status = take_what_can_be_read(watcher, &request, &host, &after);
	if (status == STATUS_OK) {
		snapshot_keep_ended(&after, &watcher->seen);
		snapshot_subtract(&watcher->before, &after, &diff);
		complain_of_all_ended(&watcher->before, &after, &diff);
		if (request.selection->num && !diff.num_guests && !after.num_unread)
			status = STATUS_NO_GUEST;
		else
			status = show_one(watcher->options, &host, &diff,
					  watcher->show, watcher->arg);
		snapshot_free(&diff);
		snapshot_drop_ended(&after);
		snapshot_keep_unread(&after, &watcher->before);
	}
	host_free(&host);
	snapshot_free(&watcher->before);
	watcher->before = after;
	return status;
}

/* Those that were selected have all ended; without a selection others may come. */
static bool is_over(const struct watcher *watcher)
{
	return watcher->request->selection->num && !watcher->before.num_guests &&
	       !watcher->before.num_unread;
}

static int intervals(const struct options *options,
		     const struct snapshot_request *request, intervals_fn show,
		     void *arg)
{
	struct watcher watcher = {
		.options = options, .request = request, .show = show, .arg = arg,
	};
	uint64_t next = monotonic_ns() + options->interval_ns, done = 0;
	struct host host;
	int status;

	wait_catch_signals();
	status = take_what_can_be_read(&watcher, request, &host, &watcher.before);
	host_free(&host);
	while (status == STATUS_OK && wait_and_look(&watcher, &next)) {
		status = end_interval(&watcher);
		if (++done == options->count || is_over(&watcher))
			break;
	}
	snapshot_free(&watcher.before);
	snapshot_free(&watcher.seen);
	return status == STATUS_OK && watcher.is_incomplete ? STATUS_FAILED : status;
}

int intervals_show(struct options *options, const struct selection *selection,
		   intervals_fn show, void *arg)
{
	const struct snapshot_request request = {
		.selection = selection,
		.all = options->all,
		.vcpus = options->vcpus,
		.l3 = options->l3,
		.beside = options->beside,
		.tenants = options->tenants,
		.charges = options->charges,
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

int intervals_show_words(struct options *options, intervals_fn show, void *arg)
{
	struct selection selection;
	int status = selection_parse(options->words, options->num_words,
				     &selection, options->error);

	if (status == STATUS_OK)
		status = intervals_show(options, &selection, show, arg);
	selection_free(&selection);
	return status;
}

int intervals_show_host(struct options *options,
	       int (*show)(const struct options *options, const struct host *host))
{
	struct host host;
	int status = host_open(&options->env, &host);

	if (status == STATUS_OK)
		status = show(options, &host);
	host_close(&options->env, &host);
	return status;
}
