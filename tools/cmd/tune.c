// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/util.h"
#include "cmd/collapse.h"
#include "cmd/command.h"
#include "model/json.h"
#include "settings/setting.h"

#define KINDS	(SETTING_TUNE | SETTING_PARAM)

enum { COL_NAME, COL_VALUE, COL_FOR, COL_CHANGE, COL_WHAT, NUM_COLS };

static const struct column columns[NUM_COLS] = {
	[COL_NAME] = { "NAME", "name of the setting", .is_text = true },
	[COL_VALUE] = { "VALUE", "current value", .is_text = true },
	[COL_FOR] = { "FOR", "scope: new guests, all guests of this KVM, or a guest",
		      .is_text = true },
	[COL_CHANGE] = { "CHANGE", "whether it changes now, or when KVM's module is reloaded",
			 .is_text = true },
	[COL_WHAT] = { "WHAT", "what the setting does", .is_text = true,
		       .is_flexible = true, .is_prose = true },
};

struct request {
	struct assignments assignments;
	struct selection guests;
};

/* A line of output: a setting and its value. */
struct line {
	const struct setting *setting;
	const char *change;
	char value[64];
};

/*
 * A setting that is fixed until KVM is reloaded is refused, with the way to do it, and one
 * with which no guest would start.
 */
static int check_now(const struct request *request, const struct env *env)
{
	int status = STATUS_OK;
	char value[64], *how;
	size_t i;

	for (i = 0; i < request->assignments.num; i++) {
		const struct assignment *a = &request->assignments.v[i];
		const char *why = setting_why_harmful(a->setting, env, a->value);

		if (why) {
			complain("%s=%s: %s, and with it guests would not start",
				 a->setting->name, a->value, why);
			status = STATUS_FAILED;
		}
		if (!setting_needs_reload(a->setting, env) ||
		    setting_read(a->setting, env, NULL, value, sizeof(value)) < 0)
			continue;
		how = setting_reload(a->setting, env, a->value);
		complain("%s is %s and can only be changed when its module is loaded: %s",
			 a->setting->name, value, how);
		free(how);
		status = STATUS_FAILED;
	}
	return status;
}

/* Those that this machine has; of a guest those that it may have. */
static struct line *read_lines(const struct env *env, const struct guest *guest,
			       size_t *num)
{
	const struct setting *s;
	struct line *lines = NULL;
	size_t left;

	*num = 0;
	for (s = settings_all(&left); left--; s++) {
		struct line line = { .setting = s };

		if (!(s->kind & KINDS) || (guest && !s->is_guests) ||
		    setting_read_guest(s, env, guest, line.value, sizeof(line.value)) < 0)
			continue;
		line.change = setting_needs_reload(s, env) ? "reload" : "now";
		*GROW(lines, *num) = line;
	}
	return lines;
}

static char *whose(const struct setting *setting, const struct env *env,
		   const struct guest *guest)
{
	return guest ? guest_device(guest) :
	       xstrdup(setting_is_for_new(setting, env) ? "new" : "all");
}

static void add_rows(struct table *table, const struct env *env,
		     const struct guest *guest, const struct line *lines, size_t num)
{
	size_t i;

	for (i = 0; i < num; i++) {
		struct value *values = table_add_row(table);
		char *owner = whose(lines[i].setting, env, guest);

		values[COL_NAME] = value_text(lines[i].setting->name);
		values[COL_VALUE] = value_text(lines[i].value);
		values[COL_FOR] = value_text(owner);
		values[COL_CHANGE] = value_text(lines[i].change);
		values[COL_WHAT] = value_text(lines[i].setting->what);
		free(owner);
	}
}

static void add_json(json_t *array, const struct env *env,
		     const struct guest *guest, const struct line *lines,
		     size_t num)
{
	size_t i;

	for (i = 0; i < num; i++) {
		char *how = setting_needs_reload(lines[i].setting, env) ?
			    setting_reload(lines[i].setting, env, "VALUE") : NULL;
		char *owner = whose(lines[i].setting, env, guest);
		json_t *json = json_object();

		json_set(json, "name", json_text(lines[i].setting->name));
		json_set(json, "value", json_text(lines[i].value));
		json_set(json, "for", json_text(owner));
		json_set(json, "id", guest ? json_number(guest->id) : json_null());
		json_set(json, "change", json_text(lines[i].change));
		json_set(json, "reload", json_text(how));
		json_set(json, "what", json_text(lines[i].setting->what));
		json_array_append_new(array, json);
		free(owner);
		free(how);
	}
}

static int show(const struct options *options, const struct host *host,
		const struct snapshot *snapshot)
{
	size_t num_guests = snapshot ? snapshot->num_guests : 1, num, i;
	json_t *array = json_array();

	for (i = 0; i < num_guests; i++) {
		const struct guest *guest =
			snapshot ? &snapshot->guests[i].guest : NULL;
		struct line *lines = read_lines(&options->env, guest, &num);

		if (options->json)
			add_json(array, &options->env, guest, lines, num);
		else
			add_rows(options->table, &options->env, guest, lines, num);
		free(lines);
	}
	if (!options->json) {
		json_decref(array);
		return table_print(options->table, &options->style);
	}
	return json_print_value(host, "tune", array);
}

static bool is_action(const struct request *request)
{
	return request->assignments.num &&
	       request->assignments.v[0].setting->kind == SETTING_ACTION;
}

/* An action is one guest's, and is not part of settings that are all set or none. */
static int check_words(const struct options *options, const struct request *request)
{
	size_t i;

	for (i = 0; i < request->assignments.num; i++)
		if (request->assignments.v[i].setting->kind == SETTING_ACTION &&
		    request->assignments.num > 1)
			return error_set(options->error, "%s cannot be combined with other settings: set it alone",
					 request->assignments.v[i].setting->name);
	if (is_action(request) && !request->guests.num)
		return error_set(options->error, "%s belongs to a guest: name it",
				 request->assignments.v[0].setting->name);
	if ((options->check || options->most_stall_ns) && !is_action(request))
		return error_set(options->error, "--%s is for huge_pages=collapse",
				 options->check ? "check" : "max-stall");
	return STATUS_OK;
}

/* Other parameters that can be set at all have their effect at once. */
static void note_for_new(const struct request *request, const struct env *env)
{
	size_t i;

	for (i = 0; i < request->assignments.num; i++) {
		const struct assignment *a = &request->assignments.v[i];

		if (a->setting->kind == SETTING_PARAM && setting_is_for_new(a->setting, env))
			complain("%s is for guests that start later on this kernel; for a running one: l1tune tune GUEST halt_poll_ns=%s",
				 a->setting->name, a->value);
	}
}

static int set(const struct options *options, const struct request *request,
	       const struct host *host, const struct guest *guest)
{
	char *device;
	int status;

	if (is_action(request))
		return collapse_guest(options, host, guest, false);
	status = check_now(request, &options->env);
	if (status != STATUS_OK)
		return status;
	device = guest_device(guest);
	status = assignments_apply(&request->assignments, &options->env, device);
	free(device);
	if (status == STATUS_OK)
		note_for_new(request, &options->env);
	return status;
}

static int work(const struct options *options, const struct request *request)
{
	const struct snapshot_request query = { .selection = &request->guests };
	bool has_guests = request->guests.num;
	struct snapshot snapshot = { };
	const struct guest *guest = NULL;
	struct host host;
	int status = host_read(&options->env, &host);

	if (status == STATUS_OK && has_guests)
		status = snapshot_take(&options->env, &host, &query,
				       &snapshot);
	if (status == STATUS_OK && request->assignments.num && has_guests) {
		guest = &snapshot.guests[0].guest;
		status = snapshot_check_single(&snapshot, options->error);
	}
	if (status == STATUS_OK && request->assignments.num)
		status = set(options, request, &host, guest);
	if (status == STATUS_OK && !is_action(request) &&
	    (!request->assignments.num || options->json))
		status = show(options, &host, has_guests ? &snapshot : NULL);
	snapshot_free(&snapshot);
	host_free(&host);
	return status;
}

static int run(struct options *options)
{
	struct request request = { };
	int status = assignments_parse(options->words, options->num_words,
				       KINDS | SETTING_ACTION, &request.guests,
				       &request.assignments, options->error);

	if (status == STATUS_OK)
		status = check_words(options, &request);
	if (!options->most_stall_ns)
		options->most_stall_ns = COLLAPSE_MOST_STALL_NS;
	if (status == STATUS_OK)
		status = env_open(&options->env);
	if (status == STATUS_OK) {
		status = work(options, &request);
		env_close(&options->env);
	}
	selection_free(&request.guests);
	assignments_free(&request.assignments);
	return status;
}

static bool names(size_t i, struct named *named)
{
	const struct setting *s = setting_at(i, KINDS | SETTING_ACTION);

	if (s)
		*named = (struct named){ s->name, s->what, s->unset };
	return s;
}

static const struct option_spec own_options[] = {
	OPTION(FLAG, 0, "check", NULL, check,
	       "with huge_pages=collapse: only show what would be done"),
	OPTION(TIME, 0, "max-stall", "TIME", most_stall_ns,
	       "with huge_pages=collapse: stop after a vCPU waited longer for\n"
	       "memory; 100ms by default"),
	{ }
};

const struct command cmd_tune = {
	.name = "tune",
	.synopsis = "[OPTION]... [GUEST]...\n[OPTION]... [GUEST] NAME=VALUE...",
	.summary = "show and set how KVM runs guests",
	.about = "Shows settings for new guests (new), for all guests of this KVM (all) or for one\n"
		 "guest, or sets them: all of those named, or none if one cannot be set. For one\n"
		 "guest, halt_poll_ns can be set. A setting that only a reload of KVM changes is not\n"
		 "set: the lines for modprobe.d are printed instead. huge_pages=collapse puts the\n"
		 "memory of a running guest into 2M pages, where all its pages are there, and stops\n"
		 "when memory becomes scarce or a vCPU waits too long.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_GUESTS | WORDS_ASSIGNMENTS,
	.most_words = ANY_NUMBER,
	.columns = columns,
	.num_columns = NUM_COLS,
	.default_columns = "NAME,VALUE,FOR,CHANGE,WHAT",
	.names_title = "Names",
	.names = names,
};
