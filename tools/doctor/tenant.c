// SPDX-License-Identifier: GPL-2.0
/* What is left for a tenant: of its own limits, of those above it, and of this host's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/format.h"
#include "base/util.h"
#include "doctor/tenant.h"
#include "model/cgroup.h"
#include "model/guest.h"
#include "settings/limit-rows.h"
#include "settings/limit-value.h"

#define MAX_CGROUP_FILE	65536

/* Guests that are named at most. */
#define MAX_MOVED	5

/* One of the limits of a kind that count together. */
struct level {
	/* NULL for this host. */
	const struct tenant *tenant;
	/* The pattern's, of which nothing is used before a guest is there. */
	bool is_to_come;
	const struct limit *limit;
	const struct limit_use *use;
};

struct levels {
	struct level *v;
	size_t num;
};

/* The tenants that count for a path, outermost first, and all of their limits. */
struct chain {
	const struct tenant *tenants[TENANT_MAX_PATH / 2];
	size_t num;
	struct limit_rows rows;
	struct limits host;
	struct limit_use host_uses[NUM_LIMITS];
};

/* An exact path goes before patterns, of these the first that was defined. */
static const struct tenant *find_at(const struct tenants *tenants, const char *path, size_t len)
{
	char *head = len ? xmemdup0(path, len) : xstrdup("/");
	const struct tenant *found = tenants_find(tenants, head);
	size_t i;

	for (i = 0; i < tenants->num && !found && len; i++)
		if (tenants->v[i].is_pattern && tenant_is(tenants->v[i].cgroup, head))
			found = &tenants->v[i];
	free(head);
	return found;
}

static void find_chain(struct chain *chain, const struct tenants *tenants, const char *path)
{
	const struct tenant *itself = tenants_find(tenants, path);
	size_t len = 0;

	chain->num = 0;
	if (itself && itself->is_pattern) {
		chain->tenants[chain->num++] = itself;
		return;
	}
	for (;;) {
		const struct tenant *found = find_at(tenants, path, len);

		if (found)
			chain->tenants[chain->num++] = found;
		if (!path[len] || !strcmp(path, "/"))
			return;
		len += 1 + strcspn(path + len + 1, "/");
	}
}

bool doctor_knows_tenant(const struct tenants *tenants, const char *path)
{
	struct chain chain;

	find_chain(&chain, tenants, path);
	return chain.num;
}

static int read_chain(struct chain *chain, const struct doctor *doctor,
		      const struct tenants *tenants)
{
	int status = limits_read(doctor->env, &doctor->host, &chain->host), err = 0;
	char *file = NULL;
	size_t i;

	chain->rows = (struct limit_rows){ };
	limit_uses_read(doctor->env, &doctor->host, chain->host_uses);
	for (i = 0; i < chain->num && !err; i++)
		err = limit_rows_add_tenants(&chain->rows, doctor->env, &doctor->host, tenants,
					     chain->tenants[i], &file);
	if (err)
		status = env_complain(doctor->env, file, err);
	free(file);
	return status;
}

/* Its name as that of a level, a copy. */
static char *name_of(const struct level *level)
{
	return level->tenant ? xstrdup(level->tenant->cgroup) : xstrdup("this host");
}

static bool is_rate(const struct limit_kind *kind)
{
	return !kind->usage;
}

/* What is left; of a rate itself, the least of which counts. UINT64_MAX for no limit. */
static uint64_t left_of(const struct level *level)
{
	uint64_t left;

	if (level->limit->value == LIMIT_NONE || is_rate(level->limit->kind) || level->is_to_come)
		return level->limit->value;
	return limit_headroom(level->limit->value, level->use, &left) ? left : UINT64_MAX;
}

/* Those that are set, the one with the least left first; of equal ones the inner one. */
static struct levels find_levels(const struct chain *chain, const struct limit_kind *kind,
				 const char *path)
{
	struct levels levels = { };
	size_t i, j;

	for (i = chain->rows.num; i--; ) {
		const struct limit_row *row = &chain->rows.v[i];
		bool is_shown = false;

		for (j = 0; j < chain->num; j++)
			is_shown |= row->tenant == chain->tenants[j];
		if (is_shown && row->limit.kind == kind && limit_is_set(&row->limit))
			*GROW(levels.v, levels.num) = (struct level) {
				.tenant = row->tenant, .limit = &row->limit, .use = &row->use,
				.is_to_come = row->tenant->is_pattern &&
					      strcmp(row->tenant->cgroup, path),
			};
	}
	for (i = 0; i < chain->host.num; i++)
		if (!strcmp(chain->host.v[i].kind->name, kind->name) &&
		    limit_is_set(&chain->host.v[i]))
			*GROW(levels.v, levels.num) = (struct level) {
				.limit = &chain->host.v[i],
				.use = &chain->host_uses[chain->host.v[i].kind - limit_kinds],
			};
	for (i = 1; i < levels.num; i++)
		for (j = i; j && left_of(&levels.v[j]) < left_of(&levels.v[j - 1]); j--) {
			struct level other = levels.v[j];

			levels.v[j] = levels.v[j - 1];
			levels.v[j - 1] = other;
		}
	return levels;
}

static void add_rate(char **text, const struct level *level)
{
	const struct limit *limit = level->limit;

	append(text, "%llu per second%s", (unsigned long long)limit->value,
	       limit->kind->scope == LIMIT_PER_GUEST ? " for each guest" :
	       strcmp(limit->kind->hook, "throttle") ? "" : " for all its guests together");
}

static void add_use(char **text, const struct level *level, const struct tenants *tenants)
{
	const struct limit *limit = level->limit;
	char *value = limit_format(limit->kind, limit->value, false);
	char *used = limit_format(limit->kind, level->use->value, false);
	char *left = limit_format(limit->kind, left_of(level), false);
	uint64_t id;

	if (level->is_to_come)
		append(text, "%s for each match, including this one", value);
	else if (!level->use->is_known)
		append(text, "%s", value);
	else
		append(text, "%s of %s used, %s left", used, value, left);
	if (*level->use->of && !guest_parse_id(level->use->of, "tenant-", &id) &&
	    tenants_at(tenants, id))
		append(text, " in %s", tenants_at(tenants, id)->cgroup);
	free(left);
	free(used);
	free(value);
}

static void add_audit(char **text, const struct limit *limit)
{
	char *audit = limit_format(limit->kind, limit->audit, false);

	append(text, "%saudit threshold %s", limit->value == LIMIT_NONE ? "" : ", ", audit);
	if (limit->would_deny)
		append(text, " exceeded %llu time%s", (unsigned long long)limit->would_deny,
		       plural(limit->would_deny));
	free(audit);
}

/* "/a/b: 3 of 20 used, 17 left, denied 7 times" */
static char *text_of(const struct level *level, const struct tenants *tenants)
{
	const struct limit *limit = level->limit;
	char *name = name_of(level), *text = xasprintf("%s: ", name);

	if (limit->value != LIMIT_NONE && is_rate(limit->kind))
		add_rate(&text, level);
	else if (limit->value != LIMIT_NONE)
		add_use(&text, level, tenants);
	if (limit->audit != LIMIT_NONE)
		add_audit(&text, limit);
	if (limit->are_counts_known && limit->denied)
		append(&text, ", denied %llu time%s", (unsigned long long)limit->denied,
		       plural(limit->denied));
	if (limit_is_broken(limit))
		append(&text, ", not effective: its hook %s is %s", limit->kind->hook,
		       limit->hook_state ? limit->hook_state : "not there");
	else if (limit_is_waiting(limit))
		append(&text, ", waiting for KVM");
	free(name);
	return text;
}

/* Without a nested guest others can run, and no place for one may be meant so. */
static enum doctor_state state_of(const struct level *level)
{
	const struct limit *limit = level->limit;

	if (limit_is_broken(limit) || limit_is_waiting(limit))
		return DOCTOR_WARNING;
	if (!left_of(level) && !is_rate(limit->kind) && limit->value != LIMIT_NONE)
		return strcmp(limit->kind->name, "max_nested_vms") ? DOCTOR_PROBLEM :
		       limit->value ? DOCTOR_WARNING : DOCTOR_INFO;
	/* A rate of 0 allows no VM at all. */
	if (!limit->value && !strcmp(limit->kind->name, "max_vms_per_sec"))
		return DOCTOR_PROBLEM;
	return limit->denied ? DOCTOR_INFO : DOCTOR_OK;
}

static void check_limit(struct doctor *doctor, const struct chain *chain,
			const struct tenants *tenants, const struct limit_kind *kind,
			const char *path)
{
	struct levels levels = find_levels(chain, kind, path);
	bool is_compared = levels.num > 1 && levels.v[1].limit->value != LIMIT_NONE;
	enum doctor_state state = DOCTOR_OK;
	char *text = xstrdup(levels.num ? "" : "no limit");
	size_t i;

	for (i = 0; i < levels.num; i++) {
		char *one = text_of(&levels.v[i], tenants);

		append(&text, "%s%s", !i && is_compared ? "tightest: " : i ? "; " : "", one);
		free(one);
		if (state_of(&levels.v[i]) > state)
			state = state_of(&levels.v[i]);
	}
	doctor_add(doctor, kind->name, state, text, NULL);
	free(levels.v);
}

/* "3 guests with 6 vCPUs and 2.5G of memory" */
static char *use_of(const struct env *env, const struct tenant *tenant)
{
	struct limit_use uses[NUM_TENANT_LIMITS];
	char *memory, *text;

	limit_uses_read_tenant(env, tenant, uses);
	if (!uses[0].is_known)
		return xstrdup("");
	memory = format_bytes(uses[2].value);
	text = xasprintf(": %llu VM%s with %llu vCPU%s and %s of memory",
			 (unsigned long long)uses[0].value, plural(uses[0].value),
			 (unsigned long long)uses[1].value, plural(uses[1].value), memory);
	free(memory);
	return text;
}

static void add_itself(struct doctor *doctor, const struct chain *chain,
		       const struct tenants *tenants, const char *path)
{
	const struct tenant *inner = chain->tenants[chain->num - 1];
	const struct tenant *pattern = inner->is_match ? tenants_at(tenants, inner->pattern) : NULL;
	char *text, *use;

	if (inner->is_pattern && strcmp(inner->cgroup, path)) {
		text = xasprintf("%s is no tenant yet; the pattern %s (tenant-%llu) applies to it, or to a parent, once a VM is requested there",
				 path, inner->cgroup, (unsigned long long)inner->id);
	} else if (inner->is_pattern) {
		text = xasprintf("%s (tenant-%llu) is a pattern with %llu match%s now: shown is the fullest",
				 path, (unsigned long long)inner->id,
				 (unsigned long long)inner->matches,
				 inner->matches == 1 ? "" : "es");
	} else {
		use = use_of(doctor->env, inner);
		text = strcmp(inner->cgroup, path) ?
		       xasprintf("%s is no tenant; it is below %s (tenant-%llu)%s", path,
				 inner->cgroup, (unsigned long long)inner->id, use) :
		       xasprintf("%s (tenant-%llu)%s%s%s", path, (unsigned long long)inner->id,
				 pattern ? ", a match of " : "", pattern ? pattern->cgroup : "", use);
		free(use);
	}
	doctor_add(doctor, "tenant", DOCTOR_INFO, text, NULL);
}

/* Where the VMM is now, a copy; NULL if that cannot be known. */
static char *cgroup_now(const struct env *env, const struct guest *guest)
{
	char file[32], *text, *path;
	size_t len;

	/* Its process has ended, or is another one. */
	if (!guest->cgroup)
		return NULL;
	snprintf(file, sizeof(file), "%llu/cgroup", (unsigned long long)guest->pid);
	text = file_read(env->proc_fd, file, MAX_CGROUP_FILE, &len);
	path = text ? cgroup_v2_path(text) : NULL;
	free(text);
	/* Outside of this cgroup namespace. */
	if (path && strstr(path, "/..")) {
		free(path);
		return NULL;
	}
	return path;
}

/* Guests that are charged here and are not here, and the other way round. */
struct moved {
	const char *path;
	char *text;
	size_t num, num_here;
};

static void look_at_guest(struct moved *moved, const struct env *env,
			  const struct guest *guest)
{
	const char *charged = guest->created_cgroup;
	char *now = cgroup_now(env, guest);
	bool was_here, is_here;

	if (now && charged) {
		was_here = tenant_covers(moved->path, charged);
		is_here = tenant_covers(moved->path, now);
		moved->num_here += was_here && is_here;
		moved->num += was_here != is_here;
		if (was_here != is_here && moved->num <= MAX_MOVED)
			append(&moved->text, was_here ? "%sl2-%llu (%s) was created here, in %s, and counts here until it ends; its VMM is in %s now" :
			       "%sl2-%llu (%s) was created elsewhere, in %s, and counts there; its VMM is here, in %s, now",
			       moved->num > 1 ? "; " : "", (unsigned long long)guest->id,
			       guest->name, charged, now);
	}
	free(now);
}

static void check_moved_vmms(struct doctor *doctor, const char *path)
{
	struct moved moved = { .path = path, .text = xstrdup("") };
	struct guest guest;
	const char *file;
	size_t num, i;
	uint64_t *ids;

	guest_list(doctor->env, &ids, &num);
	for (i = 0; i < num; i++) {
		int fd = guest_open(doctor->env, ids[i]);

		if (fd < 0)
			continue;
		if (!guest_read(doctor->env, fd, ids[i], &guest, &file)) {
			look_at_guest(&moved, doctor->env, &guest);
			guest_free(&guest);
		}
		close(fd);
	}
	free(ids);
	if (moved.num > MAX_MOVED)
		append(&moved.text, "; and %zu more", moved.num - MAX_MOVED);
	if (!moved.num && moved.num_here)
		append(&moved.text, "no VMM, of %zu", moved.num_here);
	if (*moved.text)
		doctor_add(doctor, "moved", moved.num ? DOCTOR_WARNING : DOCTOR_OK, moved.text, NULL);
	else
		free(moved.text);
}

int doctor_check_tenant(struct doctor *doctor, const struct tenants *tenants,
			const char *path)
{
	const struct tenant *itself = tenants_find(tenants, path);
	const char *why = cgroup_why_no_v2(doctor->env);
	struct chain chain;
	int status;
	size_t i;

	find_chain(&chain, tenants, path);
	status = read_chain(&chain, doctor, tenants);
	if (status == STATUS_OK) {
		add_itself(doctor, &chain, tenants, path);
		if (why)
			doctor_add(doctor, "cgroups", DOCTOR_WARNING,
				   xasprintf("limits of tenants are not supported here, because they need cgroup version 2: %s", why),
				   NULL);
		for (i = 0; i < NUM_TENANT_LIMITS; i++)
			check_limit(doctor, &chain, tenants, &tenant_limit_kinds[i], path);
		if (!itself || !itself->is_pattern)
			check_moved_vmms(doctor, path);
	}
	limit_rows_free(&chain.rows);
	return status;
}
