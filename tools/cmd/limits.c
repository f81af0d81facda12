// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "cmd/command.h"
#include "cmd/limits-tenant.h"
#include "model/json.h"
#include "settings/limit-rows.h"
#include "settings/limit-value.h"
#include "settings/setting.h"
#include "settings/tenant-define.h"

#define LIMITS	(SETTING_LIMIT | SETTING_AUDIT)

#define HOST_COLUMNS	"LIMIT,VALUE,AUDIT,USE,HEADROOM,DENIED,WOULD_DENY,EFFECTIVE"
#define GUEST_COLUMNS	"GUEST,NAME,LIMIT,VALUE,SCOPE,AUDIT,USE,HEADROOM,EFFECTIVE"
#define TENANT_COLUMNS	"TENANT," HOST_COLUMNS

enum {
	COL_TENANT, COL_TENANT_ID, COL_GUEST, COL_NAME, COL_LIMIT, COL_VALUE, COL_SCOPE, COL_AUDIT, COL_USE,
	COL_OF, COL_HEADROOM, COL_DENIED, COL_WOULD_DENY, COL_EFFECTIVE,
	COL_HOOK, COL_HOOK_STATE, NUM_COLS
};

static const struct column columns[NUM_COLS] = {
	[COL_TENANT] = { "TENANT", "path or pattern of the tenant; a pattern's matches follow it",
			 .is_text = true, .is_flexible = true },
	[COL_TENANT_ID] = { "TENANT_ID", "the tenant as events and sysfs name it",
			    .is_text = true },
	[COL_GUEST] = { "GUEST", "id of the guest, if one was named" },
	[COL_NAME] = { "NAME", "its name", .is_text = true,
		       .is_flexible = true },
	[COL_LIMIT] = { "LIMIT", "which limit", .is_text = true },
	[COL_VALUE] = { "VALUE", "limit: more is denied, or throttled" },
	[COL_SCOPE] = { "SCOPE", "l1 for all guests, l2 for this guest, or tenant",
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
	/* Limits that are named; all when none is. Of a tenant, in the order of its limits. */
	bool limits[NUM_LIMITS];
	bool has_limits;
	struct selection guests;
	struct assignments assignments;
	struct tenant_names names;
};

static struct value value_limit(const struct limit_kind *kind, uint64_t value)
{
	if (value == LIMIT_NONE)
		return (struct value){ VALUE_UNLIMITED, .number = value };
	return kind->is_bytes ? value_bytes(value) : value_number(value);
}

static const char *scope_of(const struct limit_row *row)
{
	return row->tenant ? "tenant" : row->is_own ? "l2" : "l1";
}

/* Matches stand below their pattern. */
static void fill_tenant(struct value *values, const struct tenant *tenant)
{
	char *shown = xasprintf("%s%s", tenant->is_match ? "  " : "", tenant->cgroup);
	char device[TENANT_DEVICE_SIZE];

	tenant_device(tenant->id, device);
	values[COL_TENANT] = value_text(shown);
	values[COL_TENANT_ID] = value_text(device);
	free(shown);
}

static void fill_row(struct value *values, const struct limit_row *row)
{
	const struct limit_kind *kind = row->limit.kind;
	uint64_t headroom;

	if (row->tenant)
		fill_tenant(values, row->tenant);
	if (row->guest) {
		values[COL_GUEST] = value_number(row->guest->id);
		values[COL_NAME] = value_text(row->guest->name);
	} else if (row->limit.are_counts_known) {
		values[COL_DENIED] = value_number(row->limit.denied);
		values[COL_WOULD_DENY] = value_number(row->limit.would_deny);
	}
	values[COL_LIMIT] = value_text(kind->name);
	values[COL_VALUE] = value_limit(kind, row->limit.value);
	values[COL_SCOPE] = value_text(scope_of(row));
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
	json_set(json, "scope", json_text(scope_of(row)));
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

static json_t *tenant_to_json(const struct tenant *tenant)
{
	json_t *json = json_object();

	json_set(json, "id", json_number(tenant->id));
	json_set(json, "cgroup", json_text(tenant->cgroup));
	json_set(json, "pattern", json_number_or_null(tenant->is_match, tenant->pattern));
	json_set(json, "matches", json_number_or_null(tenant->is_pattern, tenant->matches));
	json_set(json, "limits", json_array());
	return json;
}

/* Rows of a tenant follow each other. */
static json_t *tenants_to_json(const struct limit_rows *rows)
{
	json_t *tenants = json_array(), *json = NULL;
	size_t i;

	for (i = 0; i < rows->num; i++) {
		if (!i || rows->v[i].tenant != rows->v[i - 1].tenant) {
			json = tenant_to_json(rows->v[i].tenant);
			json_array_append_new(tenants, json);
		}
		json_array_append_new(json_object_get(json, "limits"), row_to_json(&rows->v[i]));
	}
	return tenants;
}

/* What there is to show: of this machine or guests, and of tenants. */
struct view {
	struct limit_rows rows;
	struct tenants tenants;
	bool are_tenants_known;
	struct limit_rows tenant_rows;
};

static int print_json(const struct host *host, const struct view *view)
{
	json_t *json = json_document(host, NULL, 0), *limits = json_array();
	size_t i;

	for (i = 0; i < view->rows.num; i++)
		json_array_append_new(limits, row_to_json(&view->rows.v[i]));
	json_set(json, "limits", limits);
	json_set(json, "tenants", view->are_tenants_known ?
				  tenants_to_json(&view->tenant_rows) : json_null());
	return json_write(json);
}

static void add_row(struct table *table, const struct limit_row *row)
{
	fill_row(table_add_row(table), row);
	if (limit_is_broken(&row->limit))
		table_alarm(table);
}

static int print_rows(const struct options *options, const struct limit_rows *rows)
{
	size_t i;

	for (i = 0; i < rows->num; i++)
		add_row(options->table, &rows->v[i]);
	return table_print(options->table, &options->style);
}

/* Is it the first row of its tenant, and none of those behind it is set? */
static bool has_nothing_set(const struct limit_rows *rows, size_t first)
{
	const struct tenant *tenant = rows->v[first].tenant;
	size_t i;

	if (first && rows->v[first - 1].tenant == tenant)
		return false;
	for (i = first; i < rows->num && rows->v[i].tenant == tenant; i++)
		if (limit_is_set(&rows->v[i].limit))
			return false;
	return true;
}

static bool is_named(const struct request *request, const struct tenant *tenant)
{
	size_t i;

	for (i = 0; i < request->names.num; i++)
		if (!strcmp(request->names.v[i], tenant->cgroup))
			return true;
	return false;
}

/* Of tenants that are not named only limits that are set; of one without any its name. */
static int print_tenants(const struct options *options, const struct request *request,
			 const struct limit_rows *rows)
{
	struct table *table = options->table;
	size_t i;

	for (i = 0; i < rows->num; i++) {
		const struct limit_row *row = &rows->v[i];

		if (limit_is_set(&row->limit) || request->has_limits ||
		    is_named(request, row->tenant))
			add_row(table, row);
		else if (has_nothing_set(rows, i))
			fill_tenant(table_add_row(table), row->tenant);
	}
	return table_print(table, &options->style);
}

static int print_tables(const struct options *options, const struct request *request,
			const struct view *view)
{
	int status = STATUS_OK;

	if (!request->names.num)
		status = print_rows(options, &view->rows);
	if (status != STATUS_OK || !view->tenant_rows.num)
		return status;
	table_set_defaults(options->table, TENANT_COLUMNS);
	/* Whoever chose columns without it wants no rows of others between the host's. */
	return request->names.num || table_shows(options->table, COL_TENANT) ?
	       print_tenants(options, request, &view->tenant_rows) : STATUS_OK;
}

/* Once for each limit of a tenant; matches have those of their pattern, which comes first. */
static int say_what_is_not_effective_of_tenants(const struct limit_rows *rows, bool is_new)
{
	const struct tenant *above = NULL;
	int status = STATUS_OK;
	size_t i;

	for (i = 0; i < rows->num; i++) {
		const struct limit_row *row = &rows->v[i];
		char *owner;

		if (row->tenant->is_match && above && above->id == row->tenant->pattern)
			continue;
		above = row->tenant;
		owner = xasprintf("tenant %s: ", row->tenant->cgroup);
		if (is_new)
			limit_complain_below_use(owner, &row->limit, &row->use);
		if (limit_is_broken(&row->limit))
			status = STATUS_FAILED;
		if (limit_is_broken(&row->limit) || (is_new && limit_is_waiting(&row->limit)))
			limit_complain(owner, &row->limit);
		free(owner);
	}
	return status;
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

/* Limits of this machine have the same names. */
static bool is_requested(const struct request *request, const struct limit_kind *kind)
{
	const struct limit_kind *of_host = limit_find(kind->name);

	if (!request->has_limits)
		return true;
	return request->names.num ? request->limits[kind - tenant_limit_kinds] :
	       of_host && request->limits[of_host - limit_kinds];
}

static void keep_requested_of_tenants(struct limit_rows *rows, const struct request *request)
{
	size_t num = 0, i;

	for (i = 0; i < rows->num; i++)
		if (is_requested(request, rows->v[i].limit.kind))
			rows->v[num++] = rows->v[i];
	rows->num = num;
}

/* STATUS_OK, or another exit status after a message. */
static int read_named(const struct env *env, const struct request *request,
		      const struct host *host, struct view *view, char **file, int *err)
{
	int status = STATUS_OK;
	size_t i;

	for (i = 0; i < request->names.num && status == STATUS_OK && !*err; i++) {
		const struct tenant *named = tenant_named(&view->tenants, request->names.v[i]);

		if (named)
			*err = limit_rows_add_tenants(&view->tenant_rows, env, host,
						      &view->tenants, named, file);
		else
			status = STATUS_NO_GUEST;
	}
	return status;
}

/* Who may not see tenants sees this machine's limits; who names one is told. */
static int read_tenants(const struct env *env, const struct request *request,
			const struct host *host, struct view *view)
{
	int status = STATUS_OK, err;
	char *file;

	if (request->names.num && tenants_check_module(env) != STATUS_OK)
		return STATUS_FAILED;
	err = tenants_read(env, &view->tenants, &file);
	if (!err && request->names.num)
		status = read_named(env, request, host, view, &file, &err);
	else if (!err)
		err = limit_rows_add_tenants(&view->tenant_rows, env, host, &view->tenants,
					     NULL, &file);
	view->are_tenants_known = !err && tenants_are_known(env);
	if (err && (request->names.num || !sysfs_is_withheld(err)))
		status = env_complain(env, file, err);
	free(file);
	if (err)
		view->tenant_rows.num = 0;
	keep_requested_of_tenants(&view->tenant_rows, request);
	return status;
}

static int read_view(const struct options *options, const struct request *request,
		     const struct host *host, const struct snapshot *snapshot,
		     struct view *view)
{
	struct limits limits;
	int status = limits_read(&options->env, host, &limits);

	if (status == STATUS_OK && !limits.num) {
		complain("the loaded module has no limits: load the module that came with this l1tune");
		return STATUS_FAILED;
	}
	if (status == STATUS_OK && !request->names.num) {
		keep_requested(&limits, request);
		status = limit_rows_read(&view->rows, &options->env, host, &limits,
					 request->guests.num ? snapshot : NULL,
					 options->error);
	}
	/* What is set for this machine is no question about tenants. */
	if (status == STATUS_OK && !request->guests.num &&
	    (request->names.num || !request->assignments.num))
		status = read_tenants(&options->env, request, host, view);
	return status;
}

/* What is there after it was perhaps changed. */
static int show(const struct options *options, const struct request *request,
		const struct host *host, const struct snapshot *snapshot)
{
	bool is_new = request->assignments.num;
	int status, of_tenants = STATUS_OK;
	struct view view = { };

	status = read_view(options, request, host, snapshot, &view);
	if (status == STATUS_OK && options->json)
		status = print_json(host, &view);
	else if (status == STATUS_OK && !is_new)
		status = print_tables(options, request, &view);
	if (status == STATUS_OK) {
		status = say_what_is_not_effective(&view.rows, is_new);
		of_tenants = say_what_is_not_effective_of_tenants(&view.tenant_rows, is_new);
		if (view.tenants.num && tenants_check_cgroups(&options->env) != STATUS_OK)
			of_tenants = STATUS_FAILED;
	}
	limit_rows_free(&view.tenant_rows);
	limit_rows_free(&view.rows);
	tenants_free(&view.tenants);
	return status == STATUS_OK ? of_tenants : status;
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

	if (request->names.num)
		return tenant_set(&options->env, request->names.v[0], &request->assignments);
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
	if (status == STATUS_OK && options->remove) {
		status = tenant_names_remove(&options->env, &request->names);
		host_free(&host);
		return status;
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

static void request_limit(struct request *request, const struct limit_kind *kind)
{
	request->limits[kind - (request->names.num ? tenant_limit_kinds : limit_kinds)] = true;
	request->has_limits = true;
}

/* Beside a tenant: a limit that it does not have, or a guest. */
static int complain_word(const char *word, struct error *error)
{
	return begins_with(word, "max_") || begins_with(word, "audit.") ?
	       setting_unknown(word, SETTING_TENANT, error) :
	       error_set(error, "%s: a tenant and a guest cannot be combined", word);
}

/* Words that are neither a tenant nor a limit. */
static int parse_others(struct request *request, char **words, int num, unsigned int kinds,
			const char *bare, struct error *error)
{
	size_t i;
	int status, j;

	for (j = 0; j < num && request->names.num; j++)
		if (!assignment_is(words[j]))
			return complain_word(words[j], error);
	status = assignments_parse(words, num, kinds, &request->guests,
				   &request->assignments, error);
	for (i = 0; i < request->assignments.num; i++)
		request_limit(request, request->assignments.v[i].setting->limit);
	if (status == STATUS_OK && bare && request->assignments.num)
		status = error_set(error, "%s has no value: use %s=VALUE to set it, or name:%s for a guest of that name",
				   bare, bare, bare);
	if (status == STATUS_OK && !request->names.num && request->guests.num &&
	    setting_find(request->guests.v[0].text, SETTING_TENANT))
		return setting_unknown(request->guests.v[0].text, LIMITS, error);
	if (status == STATUS_OK && request->assignments.num && request->names.num > 1)
		status = error_set(error, "set limits of one tenant at a time");
	return status;
}

/* A word that names a limit is that limit; name:WORD is a guest. */
static int parse_limits(struct request *request, char **words, int num, struct error *error)
{
	unsigned int kinds = request->names.num ? SETTING_TENANT : LIMITS;
	const char *bare = NULL;
	int num_others = 0, i;

	for (i = 0; i < num; i++) {
		const struct setting *setting = setting_find(words[i], kinds);

		if (!setting) {
			words[num_others++] = words[i];
			continue;
		}
		bare = words[i];
		request_limit(request, setting->limit);
	}
	return parse_others(request, words, num_others, kinds, bare, error);
}

static int check_removal(const struct request *request, const struct options *options)
{
	if (!options->remove)
		return STATUS_OK;
	if (!request->names.num)
		return error_set(options->error, "--remove needs tenant:PATH; a limit is removed by NAME=max");
	if (request->has_limits)
		return error_set(options->error, "--remove removes a tenant with all its limits: leave the limits out, or use NAME=max");
	return options->json ? error_set(options->error, "--remove does not print JSON") : STATUS_OK;
}

/* Tenants first: a limit is another one for them. */
static int parse_words(struct request *request, const struct options *options)
{
	char **others = xcalloc(options->num_words, sizeof(*others));
	int num_others = 0, status = STATUS_OK, i;
	bool is_taken;

	for (i = 0; i < options->num_words && status == STATUS_OK; i++) {
		status = tenant_names_take(&request->names, options->words[i], &is_taken,
					   options->error);
		if (!is_taken)
			others[num_others++] = options->words[i];
	}
	if (status == STATUS_OK)
		status = parse_limits(request, others, num_others, options->error);
	free(others);
	return status == STATUS_OK ? check_removal(request, options) : status;
}

static int run(struct options *options)
{
	struct request request = { };
	int status = parse_words(&request, options);

	if (status == STATUS_OK) {
		table_set_defaults(options->table, request.names.num ? TENANT_COLUMNS :
				   request.guests.num ? GUEST_COLUMNS : HOST_COLUMNS);
		status = env_open(&options->env);
	}
	if (status == STATUS_OK) {
		status = work(options, &request);
		env_close(&options->env);
	}
	tenant_names_free(&request.names);
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

static const struct option_spec own_options[] = {
	OPTION(FLAG, 0, "remove", NULL, remove, "remove the tenants that are named, with their limits"),
	{ }
};

const struct command cmd_limits = {
	.name = "limits",
	.synopsis = "[OPTION]... [LIMIT]... [GUEST]...\n"
		    "[OPTION]... [LIMIT]... tenant:PATH...\n"
		    "[OPTION]... [GUEST|tenant:PATH] [audit.]LIMIT=VALUE...\n"
		    "--remove tenant:PATH...",
	.summary = "show and set limits on what guests may use",
	.about = "Shows limits on what guests may use, or sets them: all that are named, or none if\n"
		 "one cannot be set. For one guest, max_exits_per_sec can be set.\n"
		 "tenant:PATH is a cgroup (of version 2) with all below it, such as\n"
		 "tenant:/machine.slice, or a pattern of which each match is a tenant, such as\n"
		 "'tenant:/kubepods.slice/*/*pod*'. Setting a limit defines the tenant.\n"
		 "VALUE: a number, a size such as 64G, or max for no limit; for a guest also default.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_GUESTS | WORDS_ASSIGNMENTS | WORDS_TENANTS,
	.most_words = ANY_NUMBER,
	.columns = columns,
	.num_columns = NUM_COLS,
	.names_title = "Limits",
	.names = names,
};
