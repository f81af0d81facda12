// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "base/error.h"
#include "base/util.h"
#include "cmd/list.h"
#include "model/account.h"
#include "model/json.h"

static void fill(struct value *row, const struct account *account, uint64_t interval_ns)
{
	size_t part;

	if (account->tenant)
		row[COL_TENANT] = value_number(account->tenant->id);
	row[COL_CGROUP] = value_text(account->cgroup);
	row[COL_GUESTS] = value_number(account->vms);
	if (account->is_started_known)
		row[COL_STARTED] = value_number(account->started);
	row[COL_VCPUS] = value_number(account->vcpus);
	row[COL_MEMORY] = value_bytes(account->memory_bytes);
	row[COL_EXITS] = value_number(account->exits);
	row[COL_EXITS_S] = value_rate(account->exits, interval_ns);
	row[COL_EXIT_TIME] = value_ns(account->exit_time_ns);
	row[COL_GUEST_TIME] = value_ns(account->guest_time_ns);
	for (part = 0; part < NUM_PARTS && account->is_split; part++)
		row[COL_KERNEL + part] = value_ns(account->part_ns[part]);
	if (account->is_split)
		row[COL_BUSY] = value_ns(add_saturated(account->part_ns[PART_KERNEL],
						       account->part_ns[PART_VMM]));
	if (account->is_stolen_known)
		row[COL_STOLEN] = value_ns(account->stolen_ns);
	row[COL_HELPERS] = value_ns_or_unknown(account->are_helpers_known, account->helpers_ns);
	row[COL_COST] = value_ns_or_unknown(account->is_cost_known, account->cost_ns);
}

static json_t *id_of(const struct account *account)
{
	return json_number_or_null(account && account->tenant,
				   account && account->tenant ? account->tenant->id : 0);
}

static json_t *to_json(const struct account *account)
{
	json_t *json = json_object();
	size_t part;

	json_set(json, "kind", json_text(account->tenant ? tenant_kind(account->tenant) : "cgroup"));
	json_set(json, "tenant", id_of(account));
	json_set(json, "cgroup", json_text(account->cgroup));
	json_set(json, "outer", id_of(account->outer));
	json_set(json, "guests", json_number(account->vms));
	json_set(json, "started", json_number_or_null(account->is_started_known, account->started));
	json_set(json, "vcpus", json_number(account->vcpus));
	json_set(json, "memory_bytes", json_number(account->memory_bytes));
	json_set(json, "exits", json_number(account->exits));
	json_set(json, "exit_time_ns", json_number(account->exit_time_ns));
	json_set(json, "guest_time_ns", json_number(account->guest_time_ns));
	for (part = 0; part < NUM_PARTS; part++)
		json_set(json, time_part_keys[part],
			 json_number_or_null(account->is_split, account->part_ns[part]));
	json_set(json, "stolen_ns", json_number_or_null(account->is_stolen_known,
							account->stolen_ns));
	json_set(json, "helpers_ns", json_number_or_null(account->are_helpers_known,
							 account->helpers_ns));
	json_set(json, "guests_without_helpers", json_number(account->num_without_helpers));
	json_set(json, "cost_ns", json_number_or_null(account->is_cost_known, account->cost_ns));
	return json;
}

static int write_json(const struct host *host, const struct snapshot *snapshot,
		      const struct accounts *accounts)
{
	json_t *json = json_document(host, &snapshot->time, snapshot->interval_ns);
	json_t *values = json_array();
	size_t i;

	for (i = 0; i < accounts->num; i++)
		json_array_append_new(values, to_json(accounts->v[i]));
	json_set(json, "tenants_known", json_boolean(snapshot->tenants.are_known));
	json_set(json, "cgroups", values);
	return json_write(json);
}

/* Of guests: one in several tenants counts once. */
static size_t without_helpers(const struct snapshot *snapshot)
{
	size_t num = 0, i;

	for (i = 0; i < snapshot->num_guests; i++)
		num += guest_lacks_helpers(&snapshot->guests[i]);
	return num;
}

static int print(const struct options *options, const struct snapshot *snapshot,
		 const struct accounts *accounts)
{
	bool are_known = snapshot->tenants.are_known;
	size_t num = without_helpers(snapshot), i;

	table_set_defaults(options->table, options->interval_ns ? are_known ?
		"TENANT,CGROUP,GUESTS,STARTED,VCPUS,MEMORY,EXITS_S,BUSY,STOLEN,HELPERS,COST" :
		"CGROUP,GUESTS,VCPUS,MEMORY,EXITS_S,BUSY,STOLEN,HELPERS,COST" : are_known ?
		"TENANT,CGROUP,GUESTS,STARTED,VCPUS,MEMORY,EXITS,BUSY,STOLEN,HELPERS,COST" :
		"CGROUP,GUESTS,VCPUS,MEMORY,EXITS,BUSY,STOLEN,HELPERS,COST");
	for (i = 0; i < accounts->num; i++)
		fill(table_add_row(options->table), accounts->v[i], snapshot->interval_ns);
	if (table_print(options->table, &options->style) != STATUS_OK)
		return STATUS_FAILED;
	if (num)
		printf("\nHELPERS and COST leave out the helper threads of %zu guest%s, which are not known\n",
		       num, plural(num));
	return STATUS_OK;
}

int list_accounts(const struct options *options, const struct host *host,
		  const struct snapshot *snapshot, void *arg)
{
	struct accounts accounts;
	int status = STATUS_OK;

	accounts_explain(snapshot, arg);
	accounts_make(&accounts, snapshot, options->num_words);
	if (options->json)
		status = write_json(host, snapshot, &accounts);
	else if (accounts.num)
		status = print(options, snapshot, &accounts);
	else
		complain("no tenants and no guests");
	accounts_free(&accounts);
	return status;
}
