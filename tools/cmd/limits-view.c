// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "cmd/limits-view.h"
#include "model/json.h"
#include "settings/limit-value.h"

enum {
	COL_TENANT, COL_TENANT_ID, COL_GUEST, COL_NAME, COL_LIMIT, COL_VALUE, COL_SCOPE, COL_AUDIT, COL_USE,
	COL_OF, COL_HEADROOM, COL_DENIED, COL_WOULD_DENY, COL_EFFECTIVE,
	COL_HOOK, COL_HOOK_STATE
};

const struct column limits_columns[LIMITS_NUM_COLUMNS] = {
	[COL_TENANT] = { "TENANT", "path or pattern of the tenant; a pattern's matches follow it",
			 .is_text = true, .is_flexible = true },
	[COL_TENANT_ID] = { "TENANT_ID", "id of the tenant in events and sysfs",
			    .is_text = true },
	[COL_GUEST] = { "GUEST", "id of the guest, if one was named" },
	[COL_NAME] = { "NAME", "its name", .is_text = true,
		       .is_flexible = true },
	[COL_LIMIT] = { "LIMIT", "which limit", .is_text = true },
	[COL_VALUE] = { "VALUE", "the limit: more is denied, or throttled" },
	[COL_SCOPE] = { "SCOPE", "l1 for all guests, l2 for this guest, or tenant",
		       .is_text = true },
	[COL_AUDIT] = { "AUDIT", "audit threshold: more is only reported" },
	[COL_USE] = { "USE", "current use; the highest for limits per guest or user" },
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

int limits_print_json(const struct host *host, const struct limits_view *view)
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

/* Is it the first row of its tenant, without a limit set in it or in the rows after it? */
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

/* Of tenants that are not named only limits that are set; of one without any its name. */
static int print_tenants(const struct options *options, const struct limits_view *view)
{
	const struct limit_rows *rows = &view->tenant_rows;
	struct table *table = options->table;
	size_t i;

	for (i = 0; i < rows->num; i++) {
		const struct limit_row *row = &rows->v[i];

		if (limit_is_set(&row->limit) || view->is_chosen ||
		    has_string(view->names->v, view->names->num, row->tenant->cgroup))
			add_row(table, row);
		else if (has_nothing_set(rows, i))
			fill_tenant(table_add_row(table), row->tenant);
	}
	return table_print(table, &options->style);
}

int limits_print_tables(const struct options *options, const struct limits_view *view)
{
	int status = STATUS_OK;

	if (!view->names->num)
		status = print_rows(options, &view->rows);
	if (status != STATUS_OK || !view->tenant_rows.num)
		return status;
	table_set_defaults(options->table, LIMITS_TENANT_COLUMNS);
	/* Whoever chose columns without it wants no rows of others between the host's. */
	return view->names->num || table_shows(options->table, COL_TENANT) ?
	       print_tenants(options, view) : STATUS_OK;
}
