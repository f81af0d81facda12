// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/util.h"
#include "cmd/command.h"
#include "model/json.h"
#include "settings/limit-rows.h"
#include "settings/limit-value.h"
#include "settings/setting.h"

#define LIMITS	(SETTING_LIMIT | SETTING_AUDIT)

enum {
	COL_GUEST, COL_NAME, COL_LIMIT, COL_VALUE, COL_SCOPE, COL_AUDIT, COL_USE,
	COL_OF, COL_HEADROOM, COL_DENIED, COL_WOULD_DENY, COL_EFFECTIVE,
	COL_HOOK, COL_HOOK_STATE, NUM_COLS
};

static const struct column columns[NUM_COLS] = {
	[COL_GUEST] = { "GUEST", "id of the guest, if one was named" },
	[COL_NAME] = { "NAME", "its name", .is_text = true,
		       .is_flexible = true },
	[COL_LIMIT] = { "LIMIT", "which limit", .is_text = true },
	[COL_VALUE] = { "VALUE", "limit: more is denied, or throttled" },
	[COL_SCOPE] = { "SCOPE", "l1 for all guests, l2 for this guest",
		       .is_text = true },
	[COL_AUDIT] = { "AUDIT", "audit threshold: more is only reported" },
	[COL_USE] = { "USE", "current use; the highest one for limits per guest or user" },
	[COL_OF] = { "OF", "guest or user with the highest use",
		     .is_text = true },
	[COL_HEADROOM] = { "HEADROOM", "VALUE minus USE" },
	[COL_DENIED] = { "DENIED", "how often it denied, or throttled a vCPU" },
	[COL_WOULD_DENY] = { "WOULD_DENY", "how often AUDIT was exceeded" },
	[COL_EFFECTIVE] = { "EFFECTIVE", "yes, no, or waiting for KVM; - if not set",
			    .is_text = true },
	[COL_HOOK] = { "HOOK", "hook into KVM that it needs", .is_text = true },
	[COL_HOOK_STATE] = { "HOOK_STATE", "state of that hook",
			     .is_text = true },
};

/* A command line, taken apart. */
struct request {
	/* Limits that are named; all when none is. */
	bool limits[NUM_LIMITS];
	bool has_limits;
	struct selection guests;
	struct assignments assignments;
};

static struct value value_limit(const struct limit_kind *kind, uint64_t value)
{
	if (value == LIMIT_NONE)
		return (struct value){ VALUE_UNLIMITED, .number = value };
	return kind->is_bytes ? value_bytes(value) : value_number(value);
}

static void fill_row(struct value *values, const struct limit_row *row)
{
	const struct limit_kind *kind = row->limit.kind;
	uint64_t headroom;

	if (row->guest) {
		values[COL_GUEST] = value_number(row->guest->id);
		values[COL_NAME] = value_text(row->guest->name);
	} else if (row->limit.are_counts_known) {
		values[COL_DENIED] = value_number(row->limit.denied);
		values[COL_WOULD_DENY] = value_number(row->limit.would_deny);
	}
	values[COL_LIMIT] = value_text(kind->name);
	values[COL_VALUE] = value_limit(kind, row->limit.value);
	values[COL_SCOPE] = value_text(row->is_own ? "l2" : "l1");
	values[COL_AUDIT] = value_limit(kind, row->limit.audit);
	if (row->use.is_known)
		values[COL_USE] = kind->is_bytes ? value_bytes(row->use.value) :
						   value_number(row->use.value);
	if (row->use.is_known && *row->use.of)
		values[COL_OF] = value_text(row->use.of);
	if (row->limit.value == LIMIT_NONE)
		values[COL_HEADROOM] = value_limit(kind, LIMIT_NONE);
	else if (limit_headroom(row->limit.value, &row->use, &headroom))
		values[COL_HEADROOM] = value_limit(kind, headroom);
	values[COL_EFFECTIVE] = value_text(limit_state(&row->limit));
	values[COL_HOOK] = value_text(kind->hook);
	values[COL_HOOK_STATE] = value_text(row->limit.hook_state);
}

static json_t *limit_to_json(uint64_t value)
{
	return json_number_or_null(value != LIMIT_NONE, value);
}

static json_t *row_to_json(const struct limit_row *row)
{
	const struct limit *limit = &row->limit;
	uint64_t headroom = 0;
	bool is_known = limit_headroom(limit->value, &row->use, &headroom);
	bool has_counts = !row->guest && limit->are_counts_known;
	json_t *json = json_object();

	json_set(json, "id", row->guest ? json_number(row->guest->id) : json_null());
	json_set(json, "name", json_text(row->guest ? row->guest->name : NULL));
	json_set(json, "limit", json_text(limit->kind->name));
	json_set(json, "value", limit_to_json(limit->value));
	json_set(json, "scope", json_text(row->is_own ? "l2" : "l1"));
	json_set(json, "audit", limit_to_json(limit->audit));
	json_set(json, "use", json_number_or_null(row->use.is_known, row->use.value));
	json_set(json, "of", json_text(row->use.is_known && *row->use.of ? row->use.of : NULL));
	json_set(json, "headroom", json_number_or_null(is_known, headroom));
	json_set(json, "denied", json_number_or_null(has_counts, limit->denied));
	json_set(json, "would_deny", json_number_or_null(has_counts, limit->would_deny));
	json_set(json, "set", json_boolean(limit_is_set(limit)));
	json_set(json, "effective", json_boolean(limit->is_effective));
	json_set(json, "hook", json_text(limit->kind->hook));
	json_set(json, "hook_state", json_text(limit->hook_state));
	return json;
}

static int print_json(const struct host *host, const struct limit_rows *rows)
{
	json_t *limits = json_array();
	size_t i;

	for (i = 0; i < rows->num; i++)
		json_array_append_new(limits, row_to_json(&rows->v[i]));
	return json_print_value(host, "limits", limits);
}

static int print_table(const struct options *options,
		       const struct limit_rows *rows)
{
	struct table *table = options->table;
	size_t i;

	for (i = 0; i < rows->num; i++) {
		fill_row(table_add_row(table), &rows->v[i]);
		if (limit_is_broken(&rows->v[i].limit))
			table_alarm(table);
	}
	return table_print(table, &options->style);
}

/* Once for each limit, however many guests it is about. */
static int say_what_is_not_effective(const struct limit_rows *rows, bool is_new)
{
	bool is_said[NUM_LIMITS] = { };
	int status = STATUS_OK;
	size_t i;

	for (i = 0; i < rows->num; i++) {
		const struct limit *limit = &rows->v[i].limit;
		bool *said = &is_said[limit->kind - limit_kinds];

		if (is_new && !*said)
			limit_complain_below_use("", limit, &rows->v[i].use);
		if (limit_is_broken(limit))
			status = STATUS_FAILED;
		else if (!is_new || !limit_is_waiting(limit))
			continue;
		if (!*said)
			limit_complain("", limit);
		*said = true;
	}
	return status;
}

static void keep_requested(struct limits *limits, const struct request *request)
{
	size_t num = 0, i;

	for (i = 0; i < limits->num; i++)
		if (!request->has_limits ||
		    request->limits[limits->v[i].kind - limit_kinds])
			limits->v[num++] = limits->v[i];
	limits->num = num;
}

/* What is there after it was perhaps changed. */
static int show(const struct options *options, const struct request *request,
		const struct host *host, const struct snapshot *snapshot)
{
	bool is_new = request->assignments.num;
	struct limit_rows rows = { };
	struct limits limits;
	int status = limits_read(&options->env, host, &limits);

	if (status == STATUS_OK && !limits.num) {
		complain("the loaded module has no limits: load the module that came with this l1tune");
		return STATUS_FAILED;
	}
	if (status != STATUS_OK)
		return status;
	keep_requested(&limits, request);
	status = limit_rows_read(&rows, &options->env, host, &limits,
				 request->guests.num ? snapshot : NULL,
				 options->error);
	if (status == STATUS_OK && options->json)
		status = print_json(host, &rows);
	else if (status == STATUS_OK && !is_new)
		status = print_table(options, &rows);
	if (status == STATUS_OK)
		status = say_what_is_not_effective(&rows, is_new);
	limit_rows_free(&rows);
	return status;
}

/* Somebody who writes max_vm means a limit, and no guest. */
static void suggest(const struct selection *guests)
{
	size_t i, j;

	for (i = 0; i < guests->num; i++) {
		struct nearest nearest = { .word = guests->v[i].text };

		for (j = 0; j < NUM_LIMITS; j++)
			nearest_offer(&nearest, limit_kinds[j].name);
		if (nearest.name)
			complain("did you mean the limit %s?", nearest.name);
	}
}

static int set(const struct options *options, const struct request *request,
	       const struct snapshot *snapshot)
{
	char *device;
	int status;

	if (request->guests.num &&
	    snapshot_check_single(snapshot, options->error) != STATUS_OK)
		return STATUS_USAGE;
	device = guest_device(request->guests.num ? &snapshot->guests[0].guest : NULL);
	status = assignments_apply(&request->assignments, &options->env, device);
	free(device);
	return status;
}

static int work(const struct options *options, const struct request *request)
{
	const struct snapshot_request query = { .selection = &request->guests };
	struct snapshot snapshot = { };
	struct host host;
	int status = host_read(&options->env, &host);

	if (status == STATUS_OK && request->guests.num) {
		status = snapshot_take(&options->env, &host, &query,
				       &snapshot);
		if (status == STATUS_NO_GUEST)
			suggest(&request->guests);
	}
	if (status == STATUS_OK && request->assignments.num) {
		status = set(options, request, &snapshot);
		/* Setting a limit attaches hooks: what they are now counts. */
		host_free(&host);
		if (status == STATUS_OK)
			status = host_read(&options->env, &host);
	}
	if (status == STATUS_OK)
		status = show(options, request, &host, &snapshot);
	snapshot_free(&snapshot);
	host_free(&host);
	return status;
}

/* A word that names a limit is that limit; name:WORD is a guest. */
static int parse_words(struct request *request, const struct options *options)
{
	char **others = xcalloc(options->num_words, sizeof(*others));
	const char *bare = NULL;
	int num_others = 0, status, i;
	size_t j;

	for (i = 0; i < options->num_words; i++) {
		char *word = options->words[i];
		const struct setting *setting = setting_find(word, LIMITS);

		if (!setting) {
			others[num_others++] = word;
			continue;
		}
		bare = word;
		request->limits[setting->limit - limit_kinds] = request->has_limits = true;
	}
	status = assignments_parse(others, num_others, LIMITS, &request->guests,
				   &request->assignments, options->error);
	free(others);
	for (j = 0; j < request->assignments.num; j++)
		request->limits[request->assignments.v[j].setting->limit - limit_kinds] =
			request->has_limits = true;
	return status == STATUS_OK && bare && request->assignments.num ?
	       error_set(options->error, "%s has no value: use %s=VALUE to set it, or name:%s for a guest of that name",
			 bare, bare, bare) : status;
}

static int run(struct options *options)
{
	struct request request = { };
	int status = parse_words(&request, options);

	if (status == STATUS_OK) {
		table_set_defaults(options->table, request.guests.num ?
				   "GUEST,NAME,LIMIT,VALUE,SCOPE,AUDIT,USE,HEADROOM,EFFECTIVE" :
				   "LIMIT,VALUE,AUDIT,USE,HEADROOM,DENIED,WOULD_DENY,EFFECTIVE");
		status = env_open(&options->env);
	}
	if (status == STATUS_OK) {
		status = work(options, &request);
		env_close(&options->env);
	}
	selection_free(&request.guests);
	assignments_free(&request.assignments);
	return status;
}

/* Audit thresholds are completed, but not listed. */
static bool names(size_t i, struct named *named)
{
	const struct setting *s = setting_at(i, LIMITS);

	if (s)
		*named = (struct named) {
			s->name, s->kind == SETTING_LIMIT ? s->what : NULL, "max"
		};
	return s;
}

const struct command cmd_limits = {
	.name = "limits",
	.synopsis = "[OPTION]... [LIMIT]... [GUEST]...\n"
		    "[OPTION]... [GUEST] [audit.]LIMIT=VALUE...",
	.summary = "show and set limits on what guests may use",
	.about = "Shows limits on what guests may use, or sets them: all that are named, or none if\n"
		 "one cannot be set. For one guest, max_exits_per_sec can be set.\n"
		 "VALUE: a number, a size such as 64G, or max for no limit; for a guest also default.",
	.run = run,
	.shared_options = OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_GUESTS | WORDS_ASSIGNMENTS,
	.most_words = ANY_NUMBER,
	.columns = columns,
	.num_columns = NUM_COLS,
	.names_title = "Limits",
	.names = names,
};
