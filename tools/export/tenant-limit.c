// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <unistd.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "export/export.h"

/* The denials of a tenant without series of its own. */
static uint64_t read_denied(const struct env *env, const struct tenant *tenant)
{
	int fd = tenant_open(env, tenant->id);
	uint64_t sum = 0, denied;
	size_t i;

	for (i = 0; i < NUM_TENANT_LIMITS && fd >= 0; i++) {
		char *path = xasprintf("denied/%s", tenant_limit_kinds[i].name);

		if (!sysfs_read_u64(fd, path, &denied))
			sum = add_saturated(sum, denied);
		free(path);
	}
	if (fd >= 0)
		close(fd);
	return sum;
}

static uint64_t count_broken(const struct limits *limits)
{
	uint64_t num = 0;
	size_t i;

	for (i = 0; i < limits->num; i++)
		num += limit_is_broken(&limits->v[i]);
	return num;
}

/* A match has the limits of its pattern, which are counted there, and what it was denied itself. */
static int add_other(const struct env *env, const struct host *host, const struct tenant *tenant,
		     struct tenant_limits *limits, char **file)
{
	struct limits own = { };
	int err = tenant->is_match ? 0 :
		  limits_read_tenant(env, host, tenant->id, &own, file);

	limits->others_denied = add_saturated(limits->others_denied, read_denied(env, tenant));
	/* It was removed meanwhile. */
	if (sysfs_is_gone(err)) {
		free(*file);
		*file = NULL;
		return 0;
	}
	limits->num_broken += count_broken(&own);
	return err;
}

static uint64_t count_broken_rows(const struct limit_rows *rows)
{
	uint64_t num = 0;
	size_t i;

	for (i = 0; i < rows->num; i++)
		num += !rows->v[i].tenant->is_match && limit_is_broken(&rows->v[i].limit);
	return num;
}

int export_tenant_limits_read(const struct env *env, const struct host *host,
			      const struct tenant_ranking *ranking,
			      struct tenant_limits *limits)
{
	char *file = NULL;
	int err = 0, status;
	size_t i;

	*limits = (struct tenant_limits){ };
	for (i = 0; i < ranking->num && !err; i++) {
		const struct tenant *tenant = ranking->v[i].tenant;

		if (i < ranking->num_exported)
			err = limit_rows_add_tenant(&limits->rows, env, host, tenant, &file);
		else
			err = add_other(env, host, tenant, limits, &file);
	}
	limits->num_broken += count_broken_rows(&limits->rows);
	limits->are_known = !err;
	status = err ? env_complain(env, file, err) : STATUS_OK;
	free(file);
	return status;
}

void export_tenant_limits_free(struct tenant_limits *limits)
{
	limit_rows_free(&limits->rows);
}

static void export_value(struct metrics *metrics, const struct limit *limit, const char *label)
{
	if (limit->value != LIMIT_NONE)
		metrics_number(metrics, limit->value, "tenant=\"%s\",limit=\"%s\"", label,
			       limit->kind->name);
}

static void export_audit(struct metrics *metrics, const struct limit *limit, const char *label)
{
	if (limit->audit != LIMIT_NONE)
		metrics_number(metrics, limit->audit, "tenant=\"%s\",limit=\"%s\"", label,
			       limit->kind->name);
}

static void export_denied(struct metrics *metrics, const struct limit *limit, const char *label)
{
	if (limit->are_counts_known && (limit->value != LIMIT_NONE || limit->denied))
		metrics_number(metrics, limit->denied, "tenant=\"%s\",limit=\"%s\"", label,
			       limit->kind->name);
}

static void export_would_deny(struct metrics *metrics, const struct limit *limit,
			      const char *label)
{
	if (limit->are_counts_known && (limit->audit != LIMIT_NONE || limit->would_deny))
		metrics_number(metrics, limit->would_deny, "tenant=\"%s\",limit=\"%s\"", label,
			       limit->kind->name);
}

static void export_broken(struct metrics *metrics, const struct limit *limit, const char *label)
{
	if (limit_is_set(limit))
		metrics_number(metrics, limit_is_broken(limit), "tenant=\"%s\",limit=\"%s\"",
			       label, limit->kind->name);
}

/* What is not set has no series: a tenant has six limits, and few are used. */
static const struct {
	enum metric_type type;
	const char *name;
	const char *help;
	void (*export)(struct metrics *metrics, const struct limit *limit, const char *label);
} families[] = {
	{ METRIC_GAUGE, "l1tune_tenant_limit",
	  "Value of a tenant's limit: requests beyond it are denied or throttled.",
	  export_value },
	{ METRIC_GAUGE, "l1tune_tenant_limit_audit",
	  "Audit threshold of a tenant's limit: requests beyond it are only counted.",
	  export_audit },
	{ METRIC_COUNTER, "l1tune_tenant_denials",
	  "How often a limit of the tenant denied a request or throttled a vCPU.", export_denied },
	{ METRIC_COUNTER, "l1tune_tenant_would_denials",
	  "How often an audit threshold of the tenant was exceeded.", export_would_deny },
	{ METRIC_GAUGE, "l1tune_tenant_limit_broken",
	  "Whether a tenant's limit is set but not enforced although KVM is loaded.", export_broken },
};

void export_tenant_limits(struct metrics *metrics, const struct tenant_ranking *ranking,
			  const struct tenant_limits *limits)
{
	size_t i, j;

	if (!ranking->counted->are_known)
		return;
	for (i = 0; i < ARRAY_SIZE(families); i++) {
		metrics_family(metrics, families[i].type, families[i].name, families[i].help);
		for (j = 0; j < limits->rows.num; j++) {
			const struct limit_row *row = &limits->rows.v[j];

			families[i].export(metrics, &row->limit,
					   export_tenant_label(ranking, row->tenant));
		}
	}
	if (!limits->are_known)
		return;
	metrics_family(metrics, METRIC_GAUGE, "l1tune_tenants_broken_limits",
		       "Limits of all tenants, also of those without series, that are set but not enforced, though KVM is loaded.");
	metrics_number(metrics, limits->num_broken, "");
	metrics_family(metrics, METRIC_GAUGE, "l1tune_tenants_other_denials",
		       "How often limits of tenants without series of their own denied a request; can decrease.");
	metrics_number(metrics, limits->others_denied, "");
}
