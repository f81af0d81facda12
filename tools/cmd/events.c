// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/terminal.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/command.h"
#include "model/guest.h"
#include "model/json.h"
#include "model/past.h"
#include "record/canary-follow.h"
#include "record/event-file.h"
#include "ui/event-show.h"

/* The first user namespace; a constant of the kernel, PROC_USER_INIT_INO. */
#define INITIAL_USER_NS	0xEFFFFFFDU

/* What is remembered of guests at most. */
#define MAX_NAMES	1024

/*
 * Names by id, for events that only have the id. A denial may be reported after
 * the guest has gone, and ids are not used again, so names are kept.
 */
struct names {
	struct {
		uint64_t id;
		/* NULL if it could not be read. */
		char *name;
		/* Its end was shown. */
		bool is_gone;
	} *v;
	size_t num;
};

struct follower {
	struct options *options;
	struct host host;
	struct names names;
	struct event_file file;
	struct canary_follow canary;
	/* That the file cannot be read was reported. */
	bool is_told;
	uint64_t num_shown;
};

static void forget_oldest(struct names *names)
{
	free(names->v[0].name);
	memmove(&names->v[0], &names->v[1],
		--names->num * sizeof(*names->v));
}

/* NULL if the guest cannot be read. */
static char *read_name(const struct env *env, uint64_t id)
{
	const char *file;
	struct guest guest;
	int fd = guest_open(env, id);
	char *name = NULL;

	if (fd < 0)
		return NULL;
	if (!guest_read(env, fd, id, &guest, &file)) {
		name = xstrdup(guest.name);
		guest_free(&guest);
	}
	close(fd);
	return name;
}

/* Its index, or -1. */
static ssize_t recall(const struct names *names, uint64_t id)
{
	size_t i;

	for (i = 0; i < names->num; i++)
		if (names->v[i].id == id)
			return i;
	return -1;
}

/* Its index, with the name if it can be read by now. */
static size_t remember(struct names *names, const struct env *env, uint64_t id)
{
	ssize_t i = recall(names, id);

	if (i < 0) {
		if (names->num == MAX_NAMES)
			forget_oldest(names);
		GROW(names->v, names->num);
		i = names->num - 1;
		names->v[i].id = id;
		names->v[i].name = NULL;
		names->v[i].is_gone = false;
	}
	if (!names->v[i].name && !names->v[i].is_gone)
		names->v[i].name = read_name(env, id);
	return i;
}

static void forget_all(struct names *names)
{
	size_t i;

	for (i = 0; i < names->num; i++)
		free(names->v[i].name);
	free(names->v);
	*names = (struct names){ };
}

static void remember_all(struct names *names, const struct env *env)
{
	uint64_t *ids;
	size_t num, i;

	guest_list(env, &ids, &num);
	for (i = 0; i < num; i++)
		remember(names, env, ids[i]);
	free(ids);
}

/*
 * Uevents reach only network namespaces of the initial user namespace. 0, or
 * an exit status after a message if this is another one.
 */
static int check_namespace(const struct env *env)
{
	int net = openat(env->proc_fd, "self/ns/net", O_RDONLY | O_CLOEXEC);
	int user = net < 0 ? -1 : ioctl(net, NS_GET_USERNS);
	struct stat stat;
	bool is_deaf = user >= 0 && !fstat(user, &stat) &&
		       stat.st_ino != INITIAL_USER_NS;

	if (user >= 0)
		close(user);
	if (net >= 0)
		close(net);
	if (!is_deaf)
		return STATUS_OK;
	complain("uevents do not reach a network namespace owned by a user namespace, such as a rootless container's: run l1tune events on the host");
	return STATUS_FAILED;
}

static int print(const struct options *options, const struct host *host,
		 const struct event *event)
{
	json_t *json;
	char *line;

	if (wait_for_output() == WAIT_END)
		return STATUS_OK;
	if (options->json) {
		json = json_document(host, &event->time, 0);
		json_set(json, "event", event_to_json(event));
		if (json_write(json) != STATUS_OK)
			return STATUS_FAILED;
	} else {
		line = event_line(event, &options->style);
		puts(line);
		free(line);
	}
	return terminal_flush();
}

static int show(struct follower *follower, const struct event *event)
{
	return print(follower->options, &follower->host, event);
}

/* Without the file there is only what uevents contain. */
static void complain_details(struct follower *follower, int err)
{
	if (follower->is_told)
		return;
	follower->is_told = true;
	complain("%s/class/l1tune/l1/events: %s: events are shown without amounts, counts, names and users%s",
		 follower->options->env.sysfs, strerror(-err),
		 sysfs_is_withheld(err) ?
		 ", which only root and the group of the module parameter gid may read" : "");
}

static void open_file(struct follower *follower)
{
	int err = event_file_open(&follower->file, &follower->options->env);

	if (err)
		complain_details(follower, err);
}

/* What is in the file already is not shown. */
static void start_after_now(struct follower *follower)
{
	int err;

	open_file(follower);
	if (follower->file.fd < 0)
		return;
	err = event_file_read(&follower->file);
	if (err)
		complain_details(follower, err);
	event_file_skip(&follower->file);
}

/* The class was created anew; output continues either way. */
static void meet_module(struct follower *follower)
{
	struct env *env = &follower->options->env;
	bool is_same;
	struct host host;

	env_close(env);
	if (env_open(env) != STATUS_OK || host_read(env, &host) != STATUS_OK)
		return;
	is_same = host.loaded_ns == follower->host.loaded_ns;
	host_free(&follower->host);
	follower->host = host;
	/* The uevent may have been sent again by a write to its file. */
	if (is_same && follower->file.fd >= 0)
		return;
	forget_all(&follower->names);
	remember_all(&follower->names, env);
	event_file_close(&follower->file);
	if (is_same)
		start_after_now(follower);
	else
		open_file(follower);
}

static int handle(struct follower *follower, struct event *event)
{
	struct names *names = &follower->names;
	size_t i;

	if (event->kind == EVENT_LOADED)
		meet_module(follower);
	if (event->kind == EVENT_UNLOADED) {
		forget_all(names);
		event_file_close(&follower->file);
	}
	if (event->has_id) {
		i = remember(names, &follower->options->env, event->id);
		if (names->v[i].name)
			event->name = xstrdup(names->v[i].name);
		names->v[i].is_gone |= event->kind == EVENT_REMOVED;
	}
	follower->num_shown++;
	return show(follower, event);
}

/* num is 0 where it is not known. */
static int tell_loss(struct follower *follower, uint64_t num)
{
	struct event event = { .kind = EVENT_LOST, .num_lost = num };

	clock_gettime(CLOCK_REALTIME, &event.time);
	return show(follower, &event);
}

static bool is_done(const struct follower *follower)
{
	const struct options *options = follower->options;

	return options->count && follower->num_shown >= options->count;
}

/* What l1/events has that was not shown yet. */
static int show_recorded(struct follower *follower)
{
	struct event_file *file = &follower->file;
	int status = STATUS_OK, err;
	struct record record;
	struct event event;
	uint64_t num_lost;

	if (file->fd < 0)
		return STATUS_OK;
	err = event_file_read(file);
	if (err && !sysfs_is_gone(err))
		complain_details(follower, err);
	while (status == STATUS_OK && !is_done(follower) &&
	       event_file_take(file, &record, &num_lost)) {
		if (num_lost)
			status = tell_loss(follower, num_lost);
		if (status != STATUS_OK)
			break;
		event_take_record(&record, &event);
		status = handle(follower, &event);
		event_free(&event);
	}
	return status;
}

/* Uevents were lost; the file has all events but the module's load and unload. */
static int recover(struct follower *follower)
{
	if (follower->file.fd >= 0)
		return STATUS_OK;
	meet_module(follower);
	return tell_loss(follower, 0);
}

/* Uevents are used where the file cannot be read, and for the module's load and unload. */
static bool is_told_by_file(const struct follower *follower,
			    const struct event *event)
{
	ssize_t i = event->has_id ? recall(&follower->names, event->id) : -1;

	if (event->kind == EVENT_LOADED || event->kind == EVENT_UNLOADED)
		return false;
	/* The file disappears with the module, after its guests' ends. */
	return follower->file.fd >= 0 ||
	       (event->kind == EVENT_REMOVED && i >= 0 &&
		follower->names.v[i].is_gone);
}

static int take_message(struct follower *follower, int fd)
{
	char buf[UEVENT_MAX_SIZE];
	ssize_t len = uevent_receive(fd, buf, sizeof(buf));
	struct uevent uevent;
	struct event event;
	int status;

	if (len < 0 && len != -EAGAIN && len != -ENOBUFS) {
		complain("cannot receive uevents: %s", strerror(-len));
		return STATUS_FAILED;
	}
	/* A message and a change of the file wake alike. */
	status = show_recorded(follower);
	if (status != STATUS_OK || is_done(follower))
		return status;
	if (len == -ENOBUFS)
		return recover(follower);
	if (len <= 0 || uevent_parse(buf, len, &uevent) ||
	    event_take_uevent(&uevent, &event))
		return STATUS_OK;
	if (!is_told_by_file(follower, &event))
		status = handle(follower, &event);
	event_free(&event);
	return status == STATUS_OK ? show_recorded(follower) : status;
}

static int show_drift(struct follower *follower)
{
	struct drift_change change;
	struct event event = { .kind = EVENT_DRIFT, .change = &change };

	if (!canary_follow_take(&follower->canary, &change))
		return STATUS_OK;
	event.time = (struct timespec) {
		.tv_sec = change.found_ns / NSEC_PER_SEC, .tv_nsec = change.found_ns % NSEC_PER_SEC,
	};
	return handle(follower, &event);
}

/* Uevents, and samples of a canary if there is one, as one descriptor; or -errno. */
static int join_inputs(const struct follower *follower, int uevent_fd)
{
	const int inputs[] = { uevent_fd, follower->canary.fd };
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(inputs) && fd >= 0; i++)
		if (inputs[i] >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, inputs[i], &event)) {
			close(fd);
			fd = -1;
		}
	return fd < 0 ? -errno : fd;
}

static int follow(struct follower *follower, int uevent_fd)
{
	int fd = join_inputs(follower, uevent_fd), status = STATUS_OK;

	if (fd < 0) {
		complain("cannot wait for events: %s", strerror(-fd));
		return STATUS_FAILED;
	}
	while (status == STATUS_OK && !is_done(follower) &&
	       wait_for_input(fd, follower->file.fd) != WAIT_END) {
		status = show_drift(follower);
		if (status == STATUS_OK && !is_done(follower))
			status = take_message(follower, uevent_fd);
	}
	close(fd);
	return status;
}

static int show_past(const struct host *host, struct event *event, void *arg)
{
	struct follower *follower = arg;

	if (is_done(follower))
		return STATUS_OK;
	follower->num_shown++;
	return print(follower->options, host, event);
}

static int replay(struct options *options)
{
	struct follower follower = { .options = options };
	struct past *past = options->env.past;

	return past->events(past, realtime_ns(), past->end_ns, show_past, &follower);
}

static int run(struct options *options)
{
	struct follower follower = {
		.options = options, .file.fd = -1, .canary = { .dir_fd = -1, .fd = -1 },
	};
	int status, fd = -1;

	wait_catch_signals();
	if (options->env.past)
		return replay(options);
	status = env_open(&options->env);
	if (status == STATUS_OK)
		status = check_namespace(&options->env);
	if (status == STATUS_OK) {
		/* In this order, so that nothing is missed after it. */
		start_after_now(&follower);
		canary_follow_open(&follower.canary, options->env.state);
		fd = uevent_open();
		if (fd < 0) {
			complain("cannot open the uevent socket: %s",
				 strerror(-fd));
			status = STATUS_FAILED;
		}
	}
	if (status == STATUS_OK)
		status = host_read(&options->env, &follower.host);
	if (status == STATUS_OK) {
		remember_all(&follower.names, &options->env);
		status = follow(&follower, fd);
	}
	if (fd >= 0)
		close(fd);
	event_file_close(&follower.file);
	canary_follow_close(&follower.canary);
	forget_all(&follower.names);
	host_free(&follower.host);
	env_close(&options->env);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(NUMBER, 'c', "count", "N", count, "stop after N events"),
	{ }
};

const struct command cmd_events = {
	.name = "events",
	.synopsis = "[OPTION]...",
	.summary = "show guests starting and ending, and denials, as they happen",
	.about = "Shows events as they happen: guests start and end, limits deny or would have\n"
		 "denied, a limit takes effect or cannot; and, while l1tune record --canary runs,\n"
		 "the cost of an exit changes. Runs until it is interrupted.\n"
		 "Amounts, counts, names and users are shown to those who may read guests.",
	.run = run,
	.replays = REPLAYS_EVENTS,
	.options = own_options,
	.shared_options = OPTIONS_STATE | OPTIONS_JSON,
};
