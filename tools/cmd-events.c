// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "event.h"
#include "guest.h"
#include "json.h"
#include "terminal.h"
#include "util.h"
#include "wait.h"

/* The first user namespace; a constant of the kernel, PROC_USER_INIT_INO. */
#define INITIAL_USER_NS	0xEFFFFFFDU

/* What is remembered of guests at most. */
#define MAX_NAMES	1024

/*
 * Who is who, for events that only have the number. A denial may be told after
 * the guest has gone, and ids are not used again, so names are kept.
 */
struct names {
	struct {
		uint64_t id;
		char *name;
	} *v;
	size_t num;
};

struct follower {
	struct options *options;
	struct host host;
	struct names names;
	uint64_t num_shown;
};

static void forget_oldest(struct names *names)
{
	free(names->v[0].name);
	memmove(&names->v[0], &names->v[1],
		--names->num * sizeof(*names->v));
}

static void remember(struct names *names, const struct env *env, uint64_t id)
{
	const char *file;
	struct guest guest;
	int fd = guest_open(env, id);

	if (fd < 0)
		return;
	if (!guest_read(env, fd, id, &guest, &file)) {
		if (names->num == MAX_NAMES)
			forget_oldest(names);
		GROW(names->v, names->num);
		names->v[names->num - 1].id = id;
		names->v[names->num - 1].name = xstrdup(guest.name);
		guest_free(&guest);
	}
	close(fd);
}

static const char *recall(const struct names *names, uint64_t id)
{
	size_t i;

	for (i = 0; i < names->num; i++)
		if (names->v[i].id == id)
			return names->v[i].name;
	return NULL;
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
 * The kernel tells all network namespaces but those of user namespaces. 0, or
 * an exit status after saying that this is such a one.
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
	complain("the kernel tells no events to a network namespace that belongs to a user namespace, as of a rootless container: run l1tune events on the host");
	return STATUS_FAILED;
}

static int show(struct follower *follower, const struct event *event)
{
	const struct options *options = follower->options;
	json_t *json;
	char *line;

	if (options->json) {
		json = json_document(&follower->host, &event->time);
		json_object_set_new(json, "interval_ns", json_null());
		json_object_set_new(json, "event", event_to_json(event));
		if (json_write(json) != STATUS_OK)
			return STATUS_FAILED;
	} else {
		line = event_line(event, &options->style);
		puts(line);
		free(line);
	}
	return terminal_flush();
}

/* The class is another one then; what is written goes on either way. */
static void meet_module(struct follower *follower)
{
	struct env *env = &follower->options->env;
	struct host host;

	forget_all(&follower->names);
	env_close(env);
	if (env_open(env) != STATUS_OK || host_read(env, &host) != STATUS_OK)
		return;
	host_free(&follower->host);
	follower->host = host;
	remember_all(&follower->names, env);
}

static int handle(struct follower *follower, struct event *event)
{
	struct names *names = &follower->names;
	const char *name;

	if (event->kind == EVENT_LOADED)
		meet_module(follower);
	if (event->kind == EVENT_UNLOADED)
		forget_all(names);
	if (event->has_id) {
		/* Also one whose first event was lost. */
		if (event->kind != EVENT_REMOVED && !recall(names, event->id))
			remember(names, &follower->options->env, event->id);
		name = recall(names, event->id);
		event->name = name ? xstrdup(name) : NULL;
	}
	follower->num_shown++;
	return show(follower, event);
}

static int tell_loss(struct follower *follower)
{
	struct event event = { .kind = EVENT_LOST };

	clock_gettime(CLOCK_REALTIME, &event.time);
	return show(follower, &event);
}

static int take_message(struct follower *follower, int fd)
{
	char buf[UEVENT_MAX_SIZE];
	ssize_t len = uevent_receive(fd, buf, sizeof(buf));
	struct uevent uevent;
	struct event event;
	int status;

	if (len == -ENOBUFS)
		return tell_loss(follower);
	if (len < 0 && len != -EAGAIN) {
		complain("cannot receive events: %s", strerror(-len));
		return STATUS_FAILED;
	}
	if (len <= 0 || uevent_parse(buf, len, &uevent) ||
	    event_take(&uevent, &event))
		return STATUS_OK;
	status = handle(follower, &event);
	event_free(&event);
	return status;
}

static int follow(struct follower *follower, int fd)
{
	const struct options *options = follower->options;
	int status = STATUS_OK;

	while (status == STATUS_OK &&
	       (!options->count || follower->num_shown < options->count) &&
	       wait_for_input(fd) != WAIT_END)
		status = take_message(follower, fd);
	return status;
}

static int run(struct options *options)
{
	struct follower follower = { .options = options };
	int status = env_open(&options->env), fd = -1;

	if (status == STATUS_OK)
		status = check_namespace(&options->env);
	if (status == STATUS_OK) {
		/* Before the first look, so that nothing is missed after it. */
		fd = uevent_open();
		if (fd < 0) {
			complain("cannot listen to the kernel's events: %s",
				 strerror(-fd));
			status = STATUS_FAILED;
		}
	}
	if (status == STATUS_OK)
		status = host_read(&options->env, &follower.host);
	if (status == STATUS_OK) {
		wait_catch_signals();
		remember_all(&follower.names, &options->env);
		status = follow(&follower, fd);
	}
	if (fd >= 0)
		close(fd);
	forget_all(&follower.names);
	host_free(&follower.host);
	env_close(&options->env);
	return status;
}

static void print_help(void)
{
	printf("Usage: l1tune events [OPTION]...\n\n"
	       "Shows what happens, as it happens: guests come and go, limits deny or would have\n"
	       "denied, a limit takes effect or cannot. Goes on until it is ended.\n\nOptions:\n"
	       "  -c, --count N         end after so many events\n");
	options_print_common();
}

int cmd_events(int argc, char *argv[], struct options *options)
{
	int status = options_parse(options, argc, argv,
				   OPTIONS_COMMON | OPTIONS_EVENTS);

	if (status != STATUS_OK)
		return status;
	if (options->help) {
		print_help();
		return STATUS_OK;
	}
	if (optind < argc) {
		complain("events takes no guest: it shows those of all");
		return STATUS_USAGE;
	}
	return run(options);
}
