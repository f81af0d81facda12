// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/terminal.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/top.h"
#include "model/account.h"
#include "model/account-json.h"
#include "model/json.h"
#include "model/past.h"
#include "ui/screen.h"
#include "ui/top-layout.h"
#include "ui/top-view.h"
#include "ui/intervals.h"

#define TEXT_WIDTH		80

/* On a screen, a message is shown in a line of it until the next interval. */
static char last_message[512];

void top_keep_message(const char *message)
{
	snprintf(last_message, sizeof(last_message), "%s", message);
}

static void close_env(struct top *top)
{
	guest_cache_free(&top->cache);
	if (top->is_open)
		env_close(&top->options->env);
	top->is_open = false;
}

/* The guests as records have them, at the time to which it was moved. */
static int take_past(struct top *top, const struct snapshot_request *request,
		     struct snapshot *snapshot)
{
	host_free(&top->host);
	return snapshot_read(&top->options->env, request, &top->host, snapshot);
}

static int open_env(struct top *top)
{
	struct env *env = &top->options->env;
	uint64_t loaded_ns = top->host.loaded_ns;
	int status, err;

	if (!top->is_open) {
		status = env_open(env);
		if (status != STATUS_OK)
			return status;
		top->is_open = true;
	}
	err = sysfs_read_u64(env->class_fd, "l1/loaded_ns",
			     &top->host.loaded_ns);
	if (loaded_ns != top->host.loaded_ns)
		guest_cache_free(&top->cache);
	return err ? env_complain(env, "l1/loaded_ns", err) : STATUS_OK;
}

/* The guests as they are now; none if they cannot be seen. */
static int take(struct top *top, struct snapshot *snapshot)
{
	const struct snapshot_request request = {
		.selection = &top->selection,
		.cache = &top->cache,
		/* That takes a look at all processes. */
		.beside = top_has_room_for_helpers(top->width),
		.tenants = top->wants_cgroups,
		.charges = top->wants_cgroups,
	};
	int status;

	if (top->options->env.past)
		return take_past(top, &request, snapshot);
	status = open_env(top);
	snapshot_start(snapshot);
	if (status == STATUS_OK)
		status = snapshot_take(&top->options->env, &top->host, &request,
				       snapshot);
	if (status == STATUS_NO_MODULE)
		close_env(top);
	return status;
}

/* What happened between before and after. */
static void make_interval(struct top *top)
{
	snapshot_subtract(&top->before, &top->after, &top->diff);
	top->has_interval = true;
	top_use_rows(top);
	if (top->choice.by_cgroup)
		accounts_explain(&top->after, &top->is_explained);
}

/* Ends an interval and begins the next one. */
static int next_interval(struct top *top)
{
	struct snapshot now;
	int status;

	last_message[0] = '\0';
	status = take(top, &now);
	top_model_free(&top->model);
	snapshot_free(&top->diff);
	snapshot_free(&top->before);
	top->before = top->after;
	top->after = now;
	make_interval(top);
	return status;
}

static void draw(struct top *top, size_t width, size_t height,
		 struct frame *frame)
{
	top->width = width;
	if (!top->has_interval) {
		frame_line(frame);
		frame_add(frame, FRAME_TITLE, xstrdup("l1tune top"));
		frame_add(frame, FRAME_DIM, xasprintf("  %s", !top->options->env.past ?
			  "the first interval..." : last_message));
		return;
	}
	top_model_free(&top->model);
	top_model_make(&top->model, &top->choice, &top->before, &top->after,
		       &top->diff);
	top_draw(&top->model, &top->choice, &top->status, width, height, frame);
}

static void show_screen(struct top *top)
{
	struct frame frame = { };

	top->status.message = *last_message ? last_message : NULL;
	if (top->is_help)
		top_draw_help(&frame);
	else
		draw(top, screen_width(), screen_height(), &frame);
	screen_show(&frame);
	frame_free(&frame);
}

uint64_t top_past_interval_ns(const struct top *top)
{
	uint64_t wanted_ns = top->options->interval_ns;
	uint64_t least_ns = top->options->env.past->interval_ns;

	return wanted_ns > least_ns ? wanted_ns : least_ns;
}

static int live(struct top *top)
{
	uint64_t next = monotonic_ns() + top->options->interval_ns, done = 0;
	int status = screen_open(), key;

	if (status != STATUS_OK)
		return status;
	complain_to(top_keep_message);
	while (!top->is_ended) {
		enum wait_result result;

		show_screen(top);
		result = wait_until(next, STDIN_FILENO);
		if (result == WAIT_END)
			break;
		key = screen_key();
		/* A terminal that is gone is readable and has nothing. */
		if (result == WAIT_INPUT && key == KEY_IS_NONE &&
		    !isatty(STDIN_FILENO))
			break;
		for (; key != KEY_IS_NONE; key = screen_key())
			top_press(top, key);
		if (monotonic_ns() < next)
			continue;
		next = monotonic_ns() + top->options->interval_ns;
		if (top->status.is_paused)
			continue;
		next_interval(top);
		if (++done == top->options->count)
			break;
	}
	complain_to(NULL);
	screen_close();
	return STATUS_OK;
}

/* The interval that ends at a record, from the one that is nearest to its start. */
static void show_past(struct top *top, uint64_t end_ns)
{
	struct past *past = top->options->env.past;
	int status;

	top_model_free(&top->model);
	snapshot_free(&top->diff);
	snapshot_free(&top->before);
	snapshot_free(&top->after);
	last_message[0] = '\0';
	wait_in_past(end_ns, end_ns);
	status = take(top, &top->after);
	wait_in_past(end_ns - top_past_interval_ns(top) + past->interval_ns / 2, end_ns);
	if (status == STATUS_OK)
		status = take(top, &top->before);
	top->has_interval = false;
	if (status == STATUS_OK)
		make_interval(top);
}

/*
 * The record so far before or after another, which may be a little late, or what
 * is next in that direction: back from there, the first one; the same if none is.
 */
static uint64_t find_past(struct past *past, uint64_t now_ns, int64_t by_ns)
{
	uint64_t time_ns = now_ns + by_ns + past->interval_ns / 2;
	bool is_back = by_ns < 0;

	if (past->find(past, false, &time_ns) &&
	    (is_back ? time_ns < now_ns : time_ns > now_ns))
		return time_ns;
	/* It is in a gap, or before all. */
	time_ns = is_back ? now_ns - 1 : now_ns;
	if (-by_ns >= TOP_HOUR_NS)
		time_ns = 0;
	if (past->find(past, !is_back || !time_ns, &time_ns) && time_ns != now_ns)
		return time_ns;
	top_keep_message(is_back ? "there are no records before this one" :
			       "there are no records after this one");
	return now_ns;
}

static void move_past(struct top *top, uint64_t *at_ns)
{
	uint64_t to_ns = find_past(top->options->env.past, *at_ns, top->move_ns);

	top->move_ns = 0;
	if (to_ns == *at_ns)
		return;
	*at_ns = to_ns;
	show_past(top, to_ns);
}

static int browse(struct top *top)
{
	struct past *past = top->options->env.past;
	uint64_t at_ns = past->end_ns;
	int status = screen_open(), key;

	if (status != STATUS_OK)
		return status;
	top->status.is_past = true;
	complain_to(top_keep_message);
	past->find(past, false, &at_ns);
	show_past(top, at_ns);
	while (!top->is_ended) {
		show_screen(top);
		if (wait_for_input(STDIN_FILENO, -1) == WAIT_END)
			break;
		key = screen_key();
		if (key == KEY_IS_NONE && !isatty(STDIN_FILENO))
			break;
		for (; key != KEY_IS_NONE; key = screen_key())
			top_press(top, key);
		if (!top->move_ns)
			continue;
		move_past(top, &at_ns);
	}
	complain_to(NULL);
	screen_close();
	return STATUS_OK;
}

static size_t text_width(void)
{
	const char *columns = getenv("COLUMNS");
	uint64_t width = terminal_columns();

	if (columns && parse_u64(columns, &width))
		width = 0;
	return width && width < 10000 ? width : TEXT_WIDTH;
}

/* Intervals as text, one below the other; 0 for all there are to come. */
static int print_intervals(struct top *top, uint64_t num)
{
	bool is_incomplete = false;
	int status = STATUS_OK;
	uint64_t done = 0;

	while (status == STATUS_OK &&
	       wait_until(monotonic_ns() + top->options->interval_ns, -1) !=
	       WAIT_END) {
		struct frame frame = { };

		status = next_interval(top);
		if (status != STATUS_OK && status != STATUS_FAILED)
			break;
		is_incomplete |= status == STATUS_FAILED;
		if (done)
			putchar('\n');
		draw(top, text_width(), 0, &frame);
		frame_print(&frame);
		frame_free(&frame);
		status = terminal_flush();
		if (++done == num)
			break;
	}
	return status == STATUS_OK && is_incomplete ? STATUS_FAILED : status;
}

/* A terminal that cannot place its cursor gets text. */
static int show_intervals(struct top *top)
{
	if (top->options->once)
		return print_intervals(top, 1);
	if (screen_is_dumb() && isatty(STDOUT_FILENO))
		return print_intervals(top, top->options->count);
	return top->options->env.past ? browse(top) : live(top);
}

static int show(struct top *top)
{
	int status;

	guest_cache_allow_files();
	wait_catch_signals();
	status = take(top, &top->after);
	if (status == STATUS_OK || status == STATUS_FAILED)
		status = show_intervals(top);
	top_model_free(&top->model);
	top_choose_nothing(&top->choice);
	snapshot_free(&top->diff);
	snapshot_free(&top->before);
	snapshot_free(&top->after);
	host_free(&top->host);
	close_env(top);
	return status;
}

static int show_json(const struct options *options, const struct host *host,
		     const struct snapshot *snapshot, void *arg)
{
	json_t *json = json_snapshot(host, snapshot, JSON_REASONS);

	(void)arg;
	if (options->by)
		json_set(json, "cgroups", json_accounts(snapshot));
	return json_write(json);
}

static int run(struct options *options)
{
	struct top top = {
		.options = options, .width = SIZE_MAX, .wants_cgroups = options->by,
	};
	struct transit transit;
	int status = selection_parse(options->words, options->num_words,
				     &top.selection, options->error);

	if (status == STATUS_OK && options->json) {
		if (options->once)
			options->count = 1;
		options->beside = true;
		options->tenants = options->charges = options->by;
		status = intervals_show(options, &top.selection, show_json, NULL);
	} else if (status == STATUS_OK) {
		if (options->transit) {
			transit_read(&options->env, &transit);
			top.choice.transit = &transit;
		}
		status = show(&top);
	}
	selection_free(&top.selection);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(SECONDS, 'd', "delay", "SEC", interval_ns, "length of the intervals; 1 by default"),
	OPTION(NUMBER, 'n', "count", "N", count, "stop after N intervals"),
	OPTION(TEXT, 0, "by", "cgroup", by,
	       "show tenants, and control groups of guests without a tenant;\n"
	       "the key c switches between them and guests"),
	OPTION(FLAG, 0, "once", NULL, once, "print one interval as text, without taking the terminal"),
	OPTION(FLAG, 0, "transit", NULL, transit,
	       "show the share of time that exits spend in L0 instead of bars,\n"
	       "estimated from what l1tune bench --save measured"),
	{ }
};

const struct command cmd_top = {
	.name = "top",
	.synopsis = "[OPTION]... [GUEST]...",
	.summary = "show exits by guest and reason, live",
	.about = "Shows guests and their exits live; h shows the keys.",
	.run = run,
	.replays = REPLAYS_GUESTS,
	.options = own_options,
	.shared_options = OPTIONS_STATE | OPTIONS_JSON,
	.interval_ns = NSEC_PER_SEC,
	.words = WORDS_GUESTS,
	.most_words = ANY_NUMBER,
};
