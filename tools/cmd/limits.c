// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "cmd/command.h"
#include "cmd/limits-tenant.h"
#include "cmd/limits-view.h"
#include "settings/setting.h"
#include "settings/tenant-define.h"

#define LIMITS	(SETTING_LIMIT | SETTING_AUDIT)

/* A command line, taken apart. */
struct request {
	/* Limits that are named; all if none is. For a tenant, in the order of its limits. */
	bool limits[NUM_LIMITS];
	bool has_limits;
	struct selection guests;
	struct assignments assignments;
	struct tenant_names names;
};

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
		      const struct host *host, struct limits_view *view, char **file, int *err)
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

/* Without permission to read tenants, shows the host's limits; fails if one was named. */
static int read_tenants(const struct env *env, const struct request *request,
			const struct host *host, struct limits_view *view)
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
		     struct limits_view *view)
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
	struct limits_view view = {
		.is_chosen = request->has_limits, .names = &request->names
	};

	status = read_view(options, request, host, snapshot, &view);
	if (status == STATUS_OK && options->json)
		status = limits_print_json(host, &view);
	else if (status == STATUS_OK && !is_new)
		status = limits_print_tables(options, &view);
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

/* Somebody who writes max_vms 20 means max_vms=20. */
static bool suggest_value(const struct request *request, const char *word)
{
	size_t i;

	for (i = 0; i < NUM_LIMITS && isdigit((unsigned char)*word); i++)
		if (request->limits[i]) {
			complain("did you mean %s=%s?", limit_kinds[i].name, word);
			return true;
		}
	return false;
}

/* Somebody who writes max_vm means a limit, and no guest. */
static void suggest(const struct request *request)
{
	const struct selection *guests = &request->guests;
	size_t i, j;

	for (i = 0; i < guests->num; i++) {
		struct nearest nearest = { .word = guests->v[i].text };

		if (suggest_value(request, guests->v[i].text))
			continue;

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
			suggest(request);
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
		return error_set(options->error, "--remove removes a tenant with all its limits: omit the limits, or use NAME=max");
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
		table_set_defaults(options->table, request.names.num ? LIMITS_TENANT_COLUMNS :
				   request.guests.num ? LIMITS_GUEST_COLUMNS : LIMITS_HOST_COLUMNS);
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
	OPTION(FLAG, 0, "remove", NULL, remove, "remove the named tenants and their limits"),
	{ }
};

const struct command cmd_limits = {
	.name = "limits",
	.synopsis = "[OPTION]... [LIMIT]... [GUEST]...\n"
		    "[OPTION]... [LIMIT]... tenant:PATH...\n"
		    "[OPTION]... [GUEST|tenant:PATH] [audit.]LIMIT=VALUE...\n"
		    "--remove tenant:PATH...",
	.summary = "show and set limits on what guests may use",
	.about = "Shows limits on what guests may use, or sets them: all of those named, or none if\n"
		 "one cannot be set. For one guest, max_exits_per_sec can be set.\n"
		 "tenant:PATH is a cgroup (version 2) with all below it, such as\n"
		 "tenant:/machine.slice, or a pattern, such as 'tenant:/kubepods.slice/*/*pod*': each\n"
		 "match is a tenant. Setting a limit defines the tenant.\n"
		 "VALUE: a number, a size such as 64G, or max for no limit; for a guest also default.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_GUESTS | WORDS_ASSIGNMENTS | WORDS_TENANTS,
	.most_words = ANY_NUMBER,
	.columns = limits_columns,
	.num_columns = LIMITS_NUM_COLUMNS,
	.names_title = "Limits",
	.names = names,
};
