// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "cmd/start.h"
#include "model/json.h"
#include "model/start-times.h"
#include "model/tenant.h"

#define BY_COLUMNS	"TENANT,CGROUP,STARTED,ENDED,P50,P90,P99"

static const struct {
	unsigned int percent;
	unsigned int column;
	const char *key;
} percentiles[] = {
	{ 50, COL_P50, "p50_below_ns" },
	{ 90, COL_P90, "p90_below_ns" },
	{ 99, COL_P99, "p99_below_ns" },
};

/* Starts of a tenant, or of all guests if tenant is NULL. */
struct starts {
	const struct tenant *tenant;
	const struct start_time *time;
	uint64_t ended;
};

static uint64_t started(const struct starts *of)
{
	return of->time ? of->time->count : 0;
}

static void fill(struct value *row, const struct starts *of)
{
	uint64_t below_ns;
	size_t i;

	if (of->tenant)
		row[COL_TENANT] = value_number(of->tenant->id);
	row[COL_CGROUP] = value_text(of->tenant ? of->tenant->cgroup : "*");
	row[COL_STARTED] = value_number(started(of));
	row[COL_ENDED] = value_number(of->ended);
	for (i = 0; i < ARRAY_SIZE(percentiles) && started(of); i++)
		row[percentiles[i].column] =
			start_time_percentile(of->time, percentiles[i].percent, &below_ns) ?
			value_ns(below_ns) :
			(struct value){ VALUE_NS_ABOVE, .number = start_bucket_ns(START_BUCKETS - 2) };
}

static json_t *to_json(const struct starts *of)
{
	json_t *object = json_object();
	uint64_t below_ns = 0;
	bool is_known;
	size_t i;

	json_set(object, "kind", json_text(of->tenant ? tenant_kind(of->tenant) : "all"));
	json_set(object, "tenant", of->tenant ? json_number(of->tenant->id) : json_null());
	json_set(object, "cgroup", of->tenant ? json_text(of->tenant->cgroup) : json_null());
	json_set(object, "started", json_number(started(of)));
	json_set(object, "ended", json_number(of->ended));
	for (i = 0; i < ARRAY_SIZE(percentiles); i++) {
		is_known = of->time && start_time_percentile(of->time, percentiles[i].percent, &below_ns);
		json_set(object, percentiles[i].key, json_number_or_null(is_known, below_ns));
	}
	return object;
}

static int add(struct options *options, json_t *array, const char *device,
	       const struct tenant *tenant)
{
	struct starts of = { .tenant = tenant };
	struct start_times times;
	int err = start_times_read(&options->env, device, &times);

	if (err)
		return err;
	of.time = start_times_total(&times);
	of.ended = times.ended;
	if (array)
		json_array_append_new(array, to_json(&of));
	else
		fill(table_add_row(options->table), &of);
	return 0;
}

/* One that was removed meanwhile is left out. */
static int add_all(struct options *options, json_t *array, const struct tenants *tenants)
{
	char device[TENANT_DEVICE_SIZE];
	int err = add(options, array, "l1", NULL);
	size_t i;

	for (i = 0; !err && i < tenants->num; i++) {
		tenant_device(tenants->v[i].id, device);
		err = add(options, array, device, &tenants->v[i]);
		if (sysfs_is_gone(err))
			err = 0;
	}
	return err ? env_complain(&options->env, "l1/start/times", err) : STATUS_OK;
}

int start_by_tenant(struct options *options, const struct host *host)
{
	json_t *array = options->json ? json_array() : NULL;
	struct tenants tenants;
	char *file = NULL;
	int err = tenants_read(&options->env, &tenants, &file);
	int status = err ? env_complain(&options->env, file, err) :
			   add_all(options, array, &tenants);

	tenants_free(&tenants);
	free(file);
	if (status) {
		json_decref(array);
		return status;
	}
	if (array)
		return json_print_value(host, "start", array);
	table_set_defaults(options->table, BY_COLUMNS);
	return table_print(options->table, &options->style);
}
