// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "settings/limit-rows.h"

/* A module that knows no limits of single guests has no such file: default. */
static int read_own(const struct env *env, struct limit_row *row)
{
	char path[96], text[32];
	int len;

	snprintf(path, sizeof(path), "l2-%llu/limits/%s",
		 (unsigned long long)row->guest->id, row->limit.kind->name);
	len = sysfs_read(env->class_fd, path, text, sizeof(text));
	if (sysfs_is_gone(len) || (len > 0 && !strcmp(text, "default")))
		return STATUS_OK;
	row->is_own = true;
	row->limit.value = LIMIT_NONE;
	if (len >= 0 && strcmp(text, "max") &&
	    parse_u64(text, &row->limit.value))
		len = -EBADMSG;
	return len < 0 ? env_complain(env, path, len) : STATUS_OK;
}

static void use_of_guest(const struct guest *guest, struct limit_row *row)
{
	const struct limit_kind *kind = row->limit.kind;

	row->use = (struct limit_use){ .is_known = kind->usage };
	if (!kind->usage)
		return;
	row->use.value = kind->is_bytes ? guest->memory_peak_bytes :
					  guest->vcpus;
	snprintf(row->use.of, sizeof(row->use.of), "l2-%llu",
		 (unsigned long long)guest->id);
}

static int add_guest(struct limit_rows *rows, const struct env *env,
		     const struct limits *limits, const struct guest *guest)
{
	int status = STATUS_OK;
	size_t i;

	for (i = 0; i < limits->num && status == STATUS_OK; i++) {
		struct limit_row *row;

		if (limits->v[i].kind->scope != LIMIT_PER_GUEST)
			continue;
		row = GROW(rows->v, rows->num);
		*row = (struct limit_row) {
			.guest = guest, .limit = limits->v[i],
		};
		use_of_guest(guest, row);
		if (row->limit.kind->is_guests)
			status = read_own(env, row);
	}
	return status;
}

static void add_host(struct limit_rows *rows, const struct env *env,
		     const struct host *host, const struct limits *limits)
{
	struct limit_use uses[NUM_LIMITS];
	size_t i;

	limit_uses_read(env, host, uses);
	for (i = 0; i < limits->num; i++)
		*GROW(rows->v, rows->num) = (struct limit_row) {
			.limit = limits->v[i],
			.use = uses[limits->v[i].kind - limit_kinds],
		};
}

int limit_rows_read(struct limit_rows *rows, const struct env *env,
		    const struct host *host, const struct limits *limits,
		    const struct snapshot *snapshot, struct error *error)
{
	int status = STATUS_OK;
	size_t i;

	*rows = (struct limit_rows){ };
	if (!snapshot)
		add_host(rows, env, host, limits);
	for (i = 0; snapshot && i < snapshot->num_guests &&
	     status == STATUS_OK; i++)
		status = add_guest(rows, env, limits,
				   &snapshot->guests[i].guest);
	if (status == STATUS_OK && !rows->num)
		status = error_set(error, "limit applies to the host only: leave the guest out");
	return status;
}

/* A pattern's use is that of the match that uses most. */
static void add_use(struct limit_row *row, const struct limit_row *match)
{
	if (!match->use.is_known || (row->use.is_known && row->use.value >= match->use.value))
		return;
	row->use = match->use;
	tenant_device(match->tenant->id, row->use.of);
}

int limit_rows_add_tenant(struct limit_rows *rows, const struct env *env,
			  const struct host *host, const struct tenant *tenant, char **file)
{
	struct limit_use uses[NUM_TENANT_LIMITS];
	struct limits limits;
	int err = limits_read_tenant(env, host, tenant->id, &limits, file);
	size_t i;

	if (sysfs_is_gone(err)) {
		free(*file);
		*file = NULL;
		return 0;
	}
	if (err)
		return err;
	limit_uses_read_tenant(env, tenant, uses);
	for (i = 0; i < limits.num; i++)
		*GROW(rows->v, rows->num) = (struct limit_row) {
			.tenant = tenant, .limit = limits.v[i], .use = uses[i],
		};
	return 0;
}

static int add_with_matches(struct limit_rows *rows, const struct env *env,
			    const struct host *host, const struct tenants *tenants,
			    const struct tenant *tenant, char **file)
{
	size_t first = rows->num, start, i, j;
	int err = limit_rows_add_tenant(rows, env, host, tenant, file);

	for (i = 0; i < tenants->num && !err && tenant->is_pattern; i++) {
		const struct tenant *match = &tenants->v[i];

		if (!match->is_match || match->pattern != tenant->id)
			continue;
		start = rows->num;
		err = limit_rows_add_tenant(rows, env, host, match, file);
		for (j = start; j < rows->num && start > first; j++)
			add_use(&rows->v[first + j - start], &rows->v[j]);
	}
	return err;
}

int limit_rows_add_tenants(struct limit_rows *rows, const struct env *env,
			   const struct host *host, const struct tenants *tenants,
			   const struct tenant *only, char **file)
{
	size_t i;
	int err = 0;

	*file = NULL;
	if (only)
		return add_with_matches(rows, env, host, tenants, only, file);
	for (i = 0; i < tenants->num && !err; i++)
		if (!tenants->v[i].is_match)
			err = add_with_matches(rows, env, host, tenants, &tenants->v[i], file);
	return err;
}

void limit_rows_free(struct limit_rows *rows)
{
	free(rows->v);
	*rows = (struct limit_rows){ };
}
