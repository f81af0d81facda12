// SPDX-License-Identifier: GPL-2.0
/* Tenants of a configuration: defined, given their limits in its order, removed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/apply-tenant.h"
#include "settings/tenant-define.h"

/* By path; a defined tenant sorts before a match of the same path. */
static int compare_paths(const void *a, const void *b)
{
	const struct tenant *x = *(const struct tenant *const *)a;
	const struct tenant *y = *(const struct tenant *const *)b;

	return strcmp(x->cgroup, y->cgroup) ?: x->is_match - y->is_match;
}

static const struct tenant **sort_by_path(const struct tenants *tenants)
{
	const struct tenant **sorted = xcalloc(tenants->num, sizeof(*sorted));
	size_t i;

	for (i = 0; i < tenants->num; i++)
		sorted[i] = &tenants->v[i];
	qsort(sorted, tenants->num, sizeof(*sorted), compare_paths);
	return sorted;
}

static const struct tenant *find(const struct tenant *const *sorted, size_t num, char *path,
				 bool is_match)
{
	const struct tenant wanted = { .cgroup = path, .is_match = is_match }, *key = &wanted;
	const struct tenant *const *found = bsearch(&key, sorted, num, sizeof(*sorted),
						    compare_paths);

	return found ? *found : NULL;
}

/* Does a configuration not have a tenant that there is? */
static bool is_surplus(const struct conf *conf, const struct tenant *tenant)
{
	return !tenant->is_match && !conf_find(conf, tenant->cgroup, NULL);
}

static void add_planned(struct tenant_plan *tenants, const struct conf *conf)
{
	const struct tenant **sorted = sort_by_path(&tenants->now);
	struct planned_tenant *new;
	size_t i, num = tenants->now.num;

	for (i = 0; i < conf->num; i++) {
		const struct conf_line *line = &conf->lines[i];

		if (!conf_is_first(conf, line))
			continue;
		new = GROW(tenants->v, tenants->num);
		*new = (struct planned_tenant) {
			.line = line, .now = find(sorted, num, line->tenant, false),
			.match = find(sorted, num, line->tenant, true),
		};
		new->is_pattern = new->now ? new->now->is_pattern :
					     tenant_is_pattern(line->tenant);
	}
	free(sorted);
}

/*
 * If several patterns match, the one defined first applies, so their order matters. From
 * the first pattern on that is not where the file has it, all are defined again.
 */
static void find_misplaced(struct tenant_plan *tenants, const struct conf *conf)
{
	const struct tenants *now = &tenants->now;
	bool is_in_order = true;
	size_t i, at = 0;

	for (i = 0; i < tenants->num; i++) {
		struct planned_tenant *p = &tenants->v[i];

		if (!p->is_pattern)
			continue;
		while (is_in_order && at < now->num &&
		       (!now->v[at].is_pattern || is_surplus(conf, &now->v[at])))
			at++;
		is_in_order = is_in_order && at < now->num && &now->v[at++] == p->now;
		p->is_misplaced = p->now && !is_in_order;
	}
}

int tenant_plan_read(struct tenant_plan *tenants, const struct env *env,
		     const struct conf *conf)
{
	int status = STATUS_OK;
	char *where;

	*tenants = (struct tenant_plan){ };
	if (tenants_are_known(env))
		status = tenants_load(env, &tenants->now);
	if (status != STATUS_OK)
		return status;
	add_planned(tenants, conf);
	if (tenants->num && !tenants_are_known(env)) {
		where = conf_where(conf, tenants->v[0].line);
		complain("%sthe loaded module has no tenants: " LOAD_OURS,
			 where);
		free(where);
		return STATUS_FAILED;
	}
	find_misplaced(tenants, conf);
	tenants->next_id = tenants->now.num ? tenants->now.v[tenants->now.num - 1].id + 1 : 1;
	return STATUS_OK;
}

void tenant_plan_free(struct tenant_plan *tenants)
{
	size_t i;

	for (i = 0; i < tenants->num; i++)
		class_writes_free(tenants->v[i].plan.writes, tenants->v[i].plan.num);
	free(tenants->v);
	for (i = 0; tenants->former && i < tenants->now.num; i++)
		assignments_free(&tenants->former[i]);
	free(tenants->former);
	tenants_free(&tenants->now);
}

/* The value that a tenant has, or would have if it were defined now. */
static int read_value(const struct env *env, const struct tenant *tenant,
		      const struct setting *setting, char *value, size_t size)
{
	char device[TENANT_DEVICE_SIZE];
	int len;

	snprintf(value, size, "%s", setting->unset);
	if (!tenant)
		return STATUS_OK;
	tenant_device(tenant->id, device);
	len = setting_read(setting, env, device, value, size);
	return len < 0 ? setting_complain(setting, env, device, len) : STATUS_OK;
}

static int show_one(const struct env *env, const struct conf *conf,
		    const struct planned_tenant *p)
{
	char *shown = conf_tenant_text(p->line->tenant), value[32];
	const struct setting *s;
	int status = STATUS_OK;
	size_t i;

	if (p->is_misplaced)
		terminal_print("%s: is defined again, after those above it\n", shown);
	if (!p->now)
		terminal_print("%s: is defined\n", shown);
	for (i = 0; (s = setting_at(i, SETTING_TENANT)) && status == STATUS_OK; i++) {
		const struct conf_line *line = conf_find(conf, p->line->tenant, s);
		const char *after = line ? line->value : s->unset;

		status = read_value(env, p->now, s, value, sizeof(value));
		if (status == STATUS_OK && strcmp(value, after))
			terminal_print("%s %s: %s -> %s\n", shown, s->name, value, after);
	}
	free(shown);
	return status;
}

int tenant_plan_show(const struct tenant_plan *tenants, const struct env *env,
		     const struct conf *conf)
{
	int status = STATUS_OK;
	char *shown;
	size_t i;

	for (i = 0; i < tenants->num && status == STATUS_OK; i++)
		status = show_one(env, conf, &tenants->v[i]);
	for (i = 0; i < tenants->now.num; i++) {
		if (!is_surplus(conf, &tenants->now.v[i]))
			continue;
		shown = conf_tenant_text(tenants->now.v[i].cgroup);
		terminal_print("%s: is removed\n", shown);
		free(shown);
	}
	return status;
}

static void plan_write(struct planned_tenant *p, const struct env *env,
		       const struct conf *conf, const struct setting *setting, uint64_t id,
		       const char *before)
{
	const struct conf_line *line = conf_find(conf, p->line->tenant, setting);
	struct class_write *write = GROW(p->plan.writes, p->plan.num);
	char device[TENANT_DEVICE_SIZE];

	*write = (struct class_write){ .where = line ? conf_where(conf, line) : NULL };
	snprintf(write->before, sizeof(write->before), "%s", before);
	tenant_device(id, device);
	setting_plan(setting, env, device, line ? line->value : setting->unset, write);
}

/*
 * As for settings of this machine, a line is written even if its value is already set.
 * A tenant that is defined again gets what its lines set.
 */
static int plan_defined(struct planned_tenant *p, const struct env *env,
			const struct conf *conf)
{
	char *shown = conf_tenant_text(p->line->tenant), value[32];
	const struct setting *s;
	int status = STATUS_OK;
	size_t i;

	for (i = 0; (s = setting_at(i, SETTING_TENANT)) && status == STATUS_OK; i++) {
		const struct conf_line *line = conf_find(conf, p->line->tenant, s);

		status = read_value(env, p->now, s, value, sizeof(value));
		if (status != STATUS_OK || (!line && !strcmp(value, s->unset)))
			continue;
		if (!line)
			complain("%s %s is %s and no line of %s sets it: it becomes %s", shown,
				 s->name, value, conf->shown, s->unset);
		if (!p->is_misplaced)
			plan_write(p, env, conf, s, p->now->id, value);
	}
	free(shown);
	return status;
}

static int read_former(const struct env *env, const struct tenant *tenant,
		       struct assignments *former)
{
	const struct setting *s;
	int status = STATUS_OK;
	char value[32];
	size_t i;

	for (i = 0; (s = setting_at(i, SETTING_TENANT)) && status == STATUS_OK; i++) {
		status = read_value(env, tenant, s, value, sizeof(value));
		if (status == STATUS_OK && strcmp(value, s->unset))
			*GROW(former->v, former->num) = (struct assignment) {
				.setting = s, .value = xstrdup(value),
			};
	}
	return status;
}

static bool is_order_new(const struct tenant_plan *tenants)
{
	size_t i;

	for (i = 0; i < tenants->num; i++)
		if (tenants->v[i].is_misplaced)
			return true;
	return false;
}

int tenant_plan_prepare(struct tenant_plan *tenants, const struct env *env,
			const struct conf *conf)
{
	const struct tenants *now = &tenants->now;
	int status = STATUS_OK;
	size_t i;

	for (i = 0; i < tenants->num && status == STATUS_OK; i++)
		if (tenants->v[i].now)
			status = plan_defined(&tenants->v[i], env, conf);
	if (status != STATUS_OK || !is_order_new(tenants))
		return status;
	tenants->former = xcalloc(now->num, sizeof(*tenants->former));
	for (i = 0; i < now->num && status == STATUS_OK; i++)
		if (now->v[i].is_pattern)
			status = read_former(env, &now->v[i], &tenants->former[i]);
	return status;
}

static int define(struct tenant_plan *tenants, struct planned_tenant *p,
		  const struct env *env, const struct conf *conf)
{
	char *where = conf_where(conf, p->line);
	const struct conf_line *line;
	const struct setting *s;
	int status;
	size_t i;

	p->id = p->match ? p->match->id : tenants->next_id;
	status = tenant_define(env, where, p->line->tenant, &p->id);
	free(where);
	if (status != STATUS_OK)
		return status;
	p->is_new = !p->now;
	if (p->id >= tenants->next_id)
		tenants->next_id = p->id + 1;
	for (i = 0; (s = setting_at(i, SETTING_TENANT)); i++) {
		line = conf_find(conf, p->line->tenant, s);
		if (line)
			plan_write(p, env, conf, s, p->id, s->unset);
	}
	return STATUS_OK;
}

static int apply_one(struct tenant_plan *tenants, struct planned_tenant *p,
		     const struct env *env, const struct conf *conf)
{
	int status = STATUS_OK;

	if (p->is_misplaced) {
		tenants->is_reordered = true;
		status = tenant_remove(env, p->line->tenant, p->now->id);
	}
	if (status == STATUS_OK && (p->is_misplaced || !p->now))
		status = define(tenants, p, env, conf);
	return status == STATUS_OK ?
	       class_writes_write(env, p->plan.writes, p->plan.num, &p->num_written) : status;
}

int tenant_plan_apply(struct tenant_plan *tenants, const struct env *env,
		      const struct conf *conf)
{
	int status = STATUS_OK;
	size_t i;

	for (i = 0; i < tenants->num && status == STATUS_OK; i++)
		status = apply_one(tenants, &tenants->v[i], env, conf);
	return status;
}

static bool undo_one(const struct planned_tenant *p, const struct env *env)
{
	if (p->is_misplaced)
		return true;
	if (p->is_new)
		return tenant_remove(env, p->line->tenant, p->id) == STATUS_OK;
	return class_writes_restore(env, p->plan.writes, p->num_written);
}

static int write_former(const struct env *env, uint64_t id, const struct assignments *former)
{
	struct class_write *writes = xcalloc(former->num, sizeof(*writes));
	char device[TENANT_DEVICE_SIZE];
	size_t i, num_written;
	int status;

	tenant_device(id, device);
	for (i = 0; i < former->num; i++)
		setting_plan(former->v[i].setting, env, device, former->v[i].value, &writes[i]);
	status = class_writes_write(env, writes, former->num, &num_written);
	class_writes_free(writes, former->num);
	return status;
}

static void complain_lost(const char *path, const struct assignments *former)
{
	char *text = xstrdup(""), *shown = conf_tenant_text(path);
	size_t i;

	for (i = 0; i < former->num; i++)
		append(&text, " %s=%s", former->v[i].setting->name, former->v[i].value);
	complain("%s cannot be restored; it had%s", shown, former->num ? text : " no limits");
	free(shown);
	free(text);
}

/* Behind those before it, with what it had. */
static bool restore_pattern(const struct env *env, const struct tenant *before,
			    const struct tenant *now, const struct assignments *former)
{
	int status = now ? tenant_remove(env, now->cgroup, now->id) : STATUS_OK;
	uint64_t id = 0;

	if (status == STATUS_OK)
		status = tenant_define(env, "", before->cgroup, &id);
	if (status == STATUS_OK)
		status = write_former(env, id, former);
	if (status != STATUS_OK)
		complain_lost(before->cgroup, former);
	return status == STATUS_OK;
}

/* From the first one on that was removed; also those that have no line. */
static bool restore_order(const struct tenant_plan *tenants, const struct env *env)
{
	const struct tenants *before = &tenants->now;
	bool is_behind = false, is_done = true;
	struct tenants now;
	size_t i;

	if (tenants_load(env, &now) != STATUS_OK) {
		tenants_free(&now);
		return false;
	}
	for (i = 0; i < before->num; i++) {
		const struct tenant *found = tenants_find(&now, before->v[i].cgroup);

		if (!before->v[i].is_pattern)
			continue;
		is_behind = is_behind || !found || found->id != before->v[i].id;
		if (is_behind && !restore_pattern(env, &before->v[i], found, &tenants->former[i]))
			is_done = false;
	}
	tenants_free(&now);
	return is_done;
}

bool tenant_plan_undo(const struct tenant_plan *tenants, const struct env *env)
{
	bool is_done = true;
	size_t i;

	for (i = tenants->num; i--; )
		if (!undo_one(&tenants->v[i], env))
			is_done = false;
	if (tenants->is_reordered && !restore_order(tenants, env))
		is_done = false;
	return is_done;
}

int tenant_plan_remove(const struct tenant_plan *tenants, const struct env *env,
		       const struct conf *conf)
{
	int status = STATUS_OK;
	char *shown;
	size_t i;

	for (i = 0; i < tenants->now.num && status == STATUS_OK; i++) {
		const struct tenant *tenant = &tenants->now.v[i];

		if (!is_surplus(conf, tenant))
			continue;
		shown = conf_tenant_text(tenant->cgroup);
		complain("%s has no line in %s: it is removed with its limits", shown,
			 conf->shown);
		free(shown);
		status = tenant_remove(env, tenant->cgroup, tenant->id);
	}
	if (status != STATUS_OK)
		complain("all lines of %s are applied; not all tenants without a line are removed",
			 conf->shown);
	return status;
}
