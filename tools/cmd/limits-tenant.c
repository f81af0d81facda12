// SPDX-License-Identifier: GPL-2.0
/* Tenants on the command line of limits: named, defined with a limit, removed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/util.h"
#include "base/whole.h"
#include "cmd/limits-tenant.h"
#include "model/cgroup.h"
#include "settings/tenant-define.h"

#define PREFIX	"tenant:"

int tenant_names_take(struct tenant_names *names, const char *word, bool *is_taken,
		      struct error *error)
{
	const char *wrong;
	char *name;

	*is_taken = begins_with(word, PREFIX);
	if (!*is_taken)
		return STATUS_OK;
	name = tenant_parse(word + strlen(PREFIX), &wrong);
	if (!name)
		return error_set(error, "'%s': %s", word, wrong);
	/* It cannot be removed twice. */
	if (has_string(names->v, names->num, name))
		free(name);
	else
		*GROW(names->v, names->num) = name;
	return STATUS_OK;
}

void tenant_names_free(struct tenant_names *names)
{
	size_t i;

	for (i = 0; i < names->num; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct tenant_names){ };
}

const struct tenant *tenant_named(const struct tenants *tenants, const char *name)
{
	const struct tenant *found = tenants_find(tenants, name);
	struct nearest nearest = { .word = name };
	char *hint;
	size_t i;

	if (found)
		return found;
	for (i = 0; i < tenants->num; i++)
		nearest_offer(&nearest, tenants->v[i].cgroup);
	hint = nearest_text(&nearest, ": l1tune limits lists the tenants");
	complain("there is no tenant %s%s", name, hint);
	free(hint);
	return NULL;
}

/* A path may be mistyped, or its cgroup come later. */
static void complain_missing(const struct env *env, const char *name)
{
	struct cgroup_mounts mounts = { };
	struct stat st;
	char *path;

	cgroup_mounts_update(env, &mounts);
	path = mounts.v2 ? xasprintf("%s%s", mounts.v2, name) : NULL;
	if (path && stat(path, &st) && errno == ENOENT)
		complain("there is no cgroup %s yet: this tenant's limits apply once it exists",
			 name);
	free(path);
	cgroup_mounts_free(&mounts);
}

/* Defined after its pattern, it leaves the pattern's limits. */
static void complain_match(const struct tenants *tenants, const struct tenant *match)
{
	const struct tenant *pattern = tenants_at(tenants, match->pattern);

	complain("%s is a tenant of its own now: the limits of %s no longer apply to it",
		 match->cgroup, pattern ? pattern->cgroup : "its pattern");
}

static int define(const struct env *env, const struct tenants *tenants, const char *name,
		  const struct tenant *match, uint64_t *id)
{
	int status;

	*id = match ? match->id : 0;
	status = tenant_define(env, "", name, id);
	if (status != STATUS_OK)
		return status;
	if (match)
		complain_match(tenants, match);
	else if (!tenant_is_pattern(name))
		complain_missing(env, name);
	return STATUS_OK;
}

static int set(const struct env *env, const char *name, const struct assignments *assignments)
{
	char device[TENANT_DEVICE_SIZE];
	const struct tenant *found;
	struct tenants tenants = { };
	bool is_new = false;
	uint64_t id = 0;
	int status = tenants_check_module(env);

	if (status == STATUS_OK)
		status = tenants_check_cgroups(env);
	if (status == STATUS_OK)
		status = tenants_load(env, &tenants);
	found = tenants_find(&tenants, name);
	if (status == STATUS_OK) {
		is_new = !found || found->is_match;
		if (is_new)
			status = define(env, &tenants, name, found, &id);
		else
			id = found->id;
	}
	tenants_free(&tenants);
	if (status != STATUS_OK)
		return status;
	tenant_device(id, device);
	status = assignments_apply(assignments, env, device);
	if (status != STATUS_OK && is_new)
		tenant_remove(env, name, id);
	return status;
}

int tenant_set(const struct env *env, const char *name,
	       const struct assignments *assignments)
{
	struct whole whole;
	int status;

	/* A tenant that is defined gets its limits. */
	whole_begin(&whole);
	status = set(env, name, assignments);
	whole_end(&whole);
	return status;
}

/* Matches are forgotten by themselves. */
static int check_removable(const struct tenants *tenants, const char *name)
{
	const struct tenant *tenant = tenant_named(tenants, name);
	const struct tenant *pattern;

	if (!tenant)
		return STATUS_NO_GUEST;
	if (!tenant->is_match)
		return STATUS_OK;
	pattern = tenants_at(tenants, tenant->pattern);
	complain("%s is a match of the tenant %s: remove that tenant, or set limits for the match",
		 name, pattern ? pattern->cgroup : "of its pattern");
	return STATUS_FAILED;
}

/* Their counts are lost, so those cannot be put back. */
static void complain_removed(const struct tenant_names *names, size_t num)
{
	size_t i;

	for (i = 0; i < num; i++)
		complain("tenant %s was removed before that", names->v[i]);
}

static int remove_all(const struct env *env, const struct tenants *tenants,
		      const struct tenant_names *names)
{
	struct whole whole;
	int status = STATUS_OK;
	size_t i;

	whole_begin(&whole);
	for (i = 0; i < names->num && status == STATUS_OK; i++)
		status = tenant_remove(env, names->v[i], tenants_find(tenants, names->v[i])->id);
	if (status != STATUS_OK)
		complain_removed(names, i - 1);
	whole_end(&whole);
	return status;
}

int tenant_names_remove(const struct env *env, const struct tenant_names *names)
{
	struct tenants tenants = { };
	int status = tenants_check_module(env);
	size_t i;

	if (status == STATUS_OK)
		status = tenants_load(env, &tenants);
	for (i = 0; i < names->num && status == STATUS_OK; i++)
		status = check_removable(&tenants, names->v[i]);
	if (status == STATUS_OK)
		status = remove_all(env, &tenants, names);
	tenants_free(&tenants);
	return status;
}
