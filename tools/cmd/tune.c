// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/util.h"
#include "cmd/command.h"
#include "model/json.h"
#include "settings/knob.h"

enum { COL_NAME, COL_VALUE, COL_FOR, COL_CHANGE, COL_WHAT, NUM_COLS };

static const struct column columns[NUM_COLS] = {
	[COL_NAME] = { "NAME", "what can be set", .is_text = true },
	[COL_VALUE] = { "VALUE", "what it is", .is_text = true },
	[COL_FOR] = { "FOR", "new: guests to come; all: of this KVM; or a guest",
		      .is_text = true },
	[COL_CHANGE] = { "CHANGE", "now, or by a reload of KVM's module",
			 .is_text = true },
	[COL_WHAT] = { "WHAT", "what it does", .is_text = true,
		       .is_flexible = true },
};

static const char *const change_names[] = {
	[KNOB_NOW] = "now", [KNOB_RELOAD] = "reload",
};

/* A NAME=VALUE of the command line. */
struct setting {
	const struct knob *knob;
	const char *value;
};

struct wish {
	struct setting *settings;
	size_t num_settings;
	struct selection guests;
};

/* What is shown: a knob as it is. */
struct line {
	const struct knob *knob;
	enum knob_change change;
	char value[64];
};

static bool is_setting(const char *word)
{
	/* Names of guests may hold one. */
	return strchr(word, '=') && strncmp(word, "name:", strlen("name:")) &&
	       strncmp(word, "cgroup:", strlen("cgroup:"));
}

static const char *check(const struct wish *wish, const struct knob *knob,
			 const char *value, bool for_guest)
{
	size_t i;

	if (!knob)
		return "there is no such name: l1tune tune shows those there are";
	if (for_guest && !knob->is_guests)
		return "one guest has no such value of its own, only halt_poll_ns; without a guest it is set for guests to come, or for all";
	for (i = 0; i < wish->num_settings; i++)
		if (wish->settings[i].knob == knob)
			return "it is set twice";
	return knob_check(knob, value);
}

static int add_setting(struct wish *wish, const char *word, bool for_guest,
		       struct error *error)
{
	const char *value = strchr(word, '=') + 1, *wrong;
	char *name = xmemdup0(word, value - word - 1);
	const struct knob *knob = knob_find(name);

	free(name);
	wrong = check(wish, knob, value, for_guest);
	if (wrong)
		return error_set(error, "%s: %s", word, wrong);
	*GROW(wish->settings, wish->num_settings) = (struct setting) {
		.knob = knob, .value = value,
	};
	return STATUS_OK;
}

static int parse_words(struct wish *wish, const struct options *options)
{
	int num = options->num_words;
	char **words = options->words;
	char **guests = xcalloc(num, sizeof(*guests));
	int num_guests = 0, status, i;

	for (i = 0; i < num; i++)
		if (!is_setting(words[i]))
			guests[num_guests++] = words[i];
	status = selection_parse(guests, num_guests, &wish->guests,
				 options->error);
	free(guests);
	for (i = 0; i < num && status == STATUS_OK; i++)
		if (is_setting(words[i]))
			status = add_setting(wish, words[i], num_guests,
					     options->error);
	return status;
}

/* What is fixed until KVM is loaded again cannot be set, but be said how. */
static int check_now(const struct wish *wish, const struct env *env)
{
	int status = STATUS_OK;
	char value[64], *how;
	size_t i;

	for (i = 0; i < wish->num_settings; i++) {
		const struct setting *s = &wish->settings[i];

		if (knob_read(s->knob, env, NULL, value, sizeof(value)) !=
		    KNOB_RELOAD)
			continue;
		how = knob_reload(s->knob, env, s->value);
		complain("%s is %s and can be changed only as its module is loaded: %s",
			 s->knob->name, value, how);
		free(how);
		status = STATUS_FAILED;
	}
	return status;
}

/* In the order of the table: a user is named before what wants one. */
static int set(const struct wish *wish, const struct env *env,
	       const struct guest *guest)
{
	struct class_write *writes = xcalloc(wish->num_settings,
					     sizeof(*writes));
	size_t num = 0, i, j;
	int status;

	for (i = 0; i < num_knobs; i++)
		for (j = 0; j < wish->num_settings; j++)
			if (wish->settings[j].knob == &knobs[i])
				knob_plan(&knobs[i], env, guest,
					  wish->settings[j].value,
					  &writes[num++]);
	status = class_writes_apply(env, writes, num);
	class_writes_free(writes, num);
	return status;
}

/* Those that this machine has; of a guest those that it may have. */
static struct line *read_lines(const struct env *env, const struct guest *guest,
			       size_t *num)
{
	struct line *lines = NULL;
	size_t i;

	*num = 0;
	for (i = 0; i < num_knobs; i++) {
		struct line line = { .knob = &knobs[i] };

		if (guest && !knobs[i].is_guests)
			continue;
		line.change = knob_read(&knobs[i], env, guest, line.value,
					sizeof(line.value));
		if (line.change != KNOB_ABSENT)
			*GROW(lines, *num) = line;
	}
	return lines;
}

static char *whose(const struct knob *knob, const struct guest *guest)
{
	return guest ? xasprintf("l2-%llu", (unsigned long long)guest->id) :
	       xstrdup(knob->kind == KNOB_PARAM ? "all" : "new");
}

static void add_rows(struct table *table, const struct guest *guest,
		     const struct line *lines, size_t num)
{
	size_t i;

	for (i = 0; i < num; i++) {
		struct value *values = table_add_row(table);
		char *owner = whose(lines[i].knob, guest);

		values[COL_NAME] = value_text(lines[i].knob->name);
		values[COL_VALUE] = value_text(lines[i].value);
		values[COL_FOR] = value_text(owner);
		values[COL_CHANGE] = value_text(change_names[lines[i].change]);
		values[COL_WHAT] = value_text(lines[i].knob->what);
		free(owner);
	}
}

static void add_json(json_t *array, const struct env *env,
		     const struct guest *guest, const struct line *lines,
		     size_t num)
{
	size_t i;

	for (i = 0; i < num; i++) {
		bool is_fixed = lines[i].change == KNOB_RELOAD;
		char *how = is_fixed ? knob_reload(lines[i].knob, env, "VALUE") :
				       NULL;
		char *owner = whose(lines[i].knob, guest);
		json_t *json = json_object();

		json_object_set_new(json, "name", json_text(lines[i].knob->name));
		json_object_set_new(json, "value", json_text(lines[i].value));
		json_object_set_new(json, "for", json_text(owner));
		json_object_set_new(json, "id", guest ? json_number(guest->id) :
				    json_null());
		json_object_set_new(json, "change",
				    json_text(change_names[lines[i].change]));
		json_object_set_new(json, "reload", json_text(how));
		json_object_set_new(json, "what", json_text(lines[i].knob->what));
		json_array_append_new(array, json);
		free(owner);
		free(how);
	}
}

static int show(const struct options *options, const struct host *host,
		const struct snapshot *snapshot)
{
	size_t num_guests = snapshot ? snapshot->num_guests : 1, num, i;
	json_t *array = json_array(), *json;
	int status = STATUS_OK;
	struct timespec now;

	for (i = 0; i < num_guests; i++) {
		const struct guest *guest =
			snapshot ? &snapshot->guests[i].guest : NULL;
		struct line *lines = read_lines(&options->env, guest, &num);

		if (options->json)
			add_json(array, &options->env, guest, lines, num);
		else
			add_rows(options->table, guest, lines, num);
		free(lines);
	}
	if (!options->json) {
		json_decref(array);
		return table_print(options->table, &options->style);
	}
	clock_gettime(CLOCK_REALTIME, &now);
	json = json_document(host, &now);
	json_object_set_new(json, "interval_ns", json_null());
	json_object_set_new(json, "tune", array);
	status = json_write(json);
	return status;
}

static int work(const struct options *options, const struct wish *wish)
{
	const struct snapshot_request request = { .selection = &wish->guests };
	bool has_guests = wish->guests.num;
	struct snapshot snapshot = { };
	const struct guest *guest = NULL;
	struct host host;
	int status = host_read(&options->env, &host);

	if (status == STATUS_OK && has_guests)
		status = snapshot_take(&options->env, &host, &request,
				       &snapshot);
	if (status == STATUS_OK && wish->num_settings && has_guests) {
		guest = &snapshot.guests[0].guest;
		status = snapshot_check_single(&snapshot, options->error);
	}
	if (status == STATUS_OK && wish->num_settings)
		status = check_now(wish, &options->env);
	if (status == STATUS_OK && wish->num_settings)
		status = set(wish, &options->env, guest);
	if (status == STATUS_OK && (!wish->num_settings || options->json))
		status = show(options, &host, has_guests ? &snapshot : NULL);
	snapshot_free(&snapshot);
	host_free(&host);
	return status;
}

static int run(struct options *options)
{
	struct wish wish = { };
	int status = parse_words(&wish, options);

	if (status == STATUS_OK)
		status = env_open(&options->env);
	if (status == STATUS_OK) {
		status = work(options, &wish);
		env_close(&options->env);
	}
	selection_free(&wish.guests);
	free(wish.settings);
	return status;
}

static bool names(size_t i, struct named *named)
{
	if (i >= num_knobs)
		return false;
	*named = (struct named) {
		.name = knobs[i].name, .help = knobs[i].what,
		.values = knobs[i].kind == KNOB_PARAM ? "" : knobs[i].unset,
	};
	return true;
}

const struct command cmd_tune = {
	.name = "tune",
	.synopsis = "[OPTION]... [GUEST]...\n[OPTION]... [GUEST] NAME=VALUE...",
	.summary = "how guests are run: show it, what each does, and set it",
	.about = "Shows what can be tuned for guests to come (new), for all guests of this KVM\n"
		 "(all) or of a guest, or sets it: all that is named, or nothing if one part of\n"
		 "it cannot be. Of one guest halt_poll_ns can be set. What only a reload changes\n"
		 "is not set: its lines for modprobe.d are said instead.",
	.run = run,
	.shared_options = OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_GUESTS | WORDS_ASSIGNMENTS,
	.most_words = ANY_NUMBER,
	.columns = columns,
	.num_columns = NUM_COLS,
	.default_columns = "NAME,VALUE,FOR,CHANGE,WHAT",
	.names_title = "Names",
	.names = names,
};
