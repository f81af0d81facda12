// SPDX-License-Identifier: GPL-2.0
/* Tenants of a configuration: defined, given their limits in its order, removed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/apply-tenant.h"
#include "settings/tenant-define.h"

bool conf_has_tenants(const struct conf *conf)
{
	size_t i;

	for (i = 0; i < conf->num; i++)
		if (conf->lines[i].tenant)
			return true;
	return false;
}

/* Lines of the configuration, in its order, of one each: the first one. */
#define for_each_first(_line, _conf)						\
	for (_line = (_conf)->lines; _line < (_conf)->lines + (_conf)->num; _line++) \
		if (conf_is_first(_conf, _line))

int tenant_plan_read(struct tenant_plan *tenants, const struct env *env,
		     const struct conf *conf)
{
	const struct conf_line *line;
	char *where;

	*tenants = (struct tenant_plan){ };
	if (tenants_are_known(env))
		return tenants_load(env, &tenants->now);
	for_each_first(line, conf) {
		where = conf_where(conf, line);
		complain("%sthe loaded module has no tenants: load the module that came with this l1tune",
			 where);
		free(where);
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

void tenant_plan_free(struct tenant_plan *tenants)
{
	tenants_free(&tenants->now);
	free(tenants->new_ids);
}

/* The one that is defined, and no match. */
static const struct tenant *find_defined(const struct tenants *tenants, const char *path)
{
	const struct tenant *found = tenants_find(tenants, path);

	return found && !found->is_match ? found : NULL;
}

/* What a tenant has, or what one has that is defined now. */
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

static int show_one(const struct tenant_plan *tenants, const struct env *env,
		    const struct conf *conf, const char *path)
{
	const struct tenant *tenant = find_defined(&tenants->now, path);
	char *shown = conf_tenant_text(path), value[32];
	const struct setting *s;
	int status = STATUS_OK;
	size_t i;

	if (!tenant)
		terminal_print("%s: is defined\n", shown);
	for (i = 0; (s = setting_at(i, SETTING_TENANT)) && status == STATUS_OK; i++) {
		const struct conf_line *line = conf_find(conf, path, s);
		const char *after = line ? line->value : s->unset;

		status = read_value(env, tenant, s, value, sizeof(value));
		if (status == STATUS_OK && strcmp(value, after))
			terminal_print("%s %s: %s -> %s\n", shown, s->name, value, after);
	}
	free(shown);
	return status;
}

static bool is_pattern(const struct tenants *now, const char *path)
{
	const struct tenant *tenant = find_defined(now, path);

	return tenant ? tenant->is_pattern : tenant_is_pattern(path);
}

/* Does a configuration not have a tenant that there is? */
static bool is_surplus(const struct conf *conf, const struct tenant *tenant)
{
	return !tenant->is_match && !conf_find(conf, tenant->cgroup, NULL);
}

/*
 * Of the patterns the first one counts that was defined. How many of the file's
 * begin in the order in which they are, so that those behind are defined anew.
 */
static size_t count_in_order(const struct tenants *now, const struct conf *conf)
{
	const struct conf_line *line;
	size_t i = 0, num = 0;

	for_each_first(line, conf) {
		if (!is_pattern(now, line->tenant))
			continue;
		while (i < now->num && (!now->v[i].is_pattern || is_surplus(conf, &now->v[i])))
			i++;
		if (i == now->num || strcmp(now->v[i++].cgroup, line->tenant))
			break;
		num++;
	}
	return num;
}

/* Is a pattern defined that is not where the file has it? */
static bool is_misplaced(const struct tenant_plan *tenants, const struct conf *conf,
			 const char *path)
{
	size_t in_order = count_in_order(&tenants->now, conf), num = 0;
	const struct tenant *tenant = find_defined(&tenants->now, path);
	const struct conf_line *line;

	if (!tenant || !tenant->is_pattern)
		return false;
	for_each_first(line, conf) {
		if (!strcmp(line->tenant, path))
			break;
		num += is_pattern(&tenants->now, line->tenant);
	}
	return num >= in_order;
}

int tenant_plan_show(const struct tenant_plan *tenants, const struct env *env,
		     const struct conf *conf)
{
	const struct conf_line *line;
	int status = STATUS_OK;
	char *shown;
	size_t i;

	for_each_first(line, conf) {
		if (is_misplaced(tenants, conf, line->tenant)) {
			shown = conf_tenant_text(line->tenant);
			terminal_print("%s: is defined again, after those above it\n", shown);
			free(shown);
		}
		if (status == STATUS_OK)
			status = show_one(tenants, env, conf, line->tenant);
	}
	for (i = 0; i < tenants->now.num; i++) {
		if (!is_surplus(conf, &tenants->now.v[i]))
			continue;
		shown = conf_tenant_text(tenants->now.v[i].cgroup);
		terminal_print("%s: is removed\n", shown);
		free(shown);
	}
	return status;
}

/* With the limits that it has, so that a failure of what follows loses none. */
static int define_again(const struct env *env, const struct tenant *tenant)
{
	struct assignments assignments = { };
	char device[TENANT_DEVICE_SIZE], value[32];
	const struct setting *s;
	int status = STATUS_OK;
	uint64_t id = 0;
	size_t i;

	for (i = 0; (s = setting_at(i, SETTING_TENANT)) && status == STATUS_OK; i++) {
		status = read_value(env, tenant, s, value, sizeof(value));
		if (status == STATUS_OK && strcmp(value, s->unset))
			*GROW(assignments.v, assignments.num) = (struct assignment) {
				.setting = s, .value = xstrdup(value),
			};
	}
	if (status == STATUS_OK)
		status = tenant_remove(env, tenant->cgroup, tenant->id);
	if (status == STATUS_OK)
		status = tenant_define(env, "", tenant->cgroup, &id);
	if (status == STATUS_OK) {
		tenant_device(id, device);
		status = assignments_apply(&assignments, env, device);
	}
	assignments_free(&assignments);
	return status;
}

static int define_new(struct tenant_plan *tenants, const struct env *env,
		      const struct conf *conf, const struct conf_line *line)
{
	char *where = conf_where(conf, line);
	uint64_t id = 0;
	int status = tenant_define(env, where, line->tenant, &id);

	free(where);
	if (status == STATUS_OK)
		*GROW(tenants->new_ids, tenants->num_new) = id;
	return status;
}

/* As of settings of this machine: a line is written also when it is set already. */
static int plan_one(const struct tenants *now, const struct env *env,
		    const struct conf *conf, const char *path, struct plan *plan)
{
	const struct tenant *tenant = find_defined(now, path);
	char *shown = conf_tenant_text(path), value[32], device[TENANT_DEVICE_SIZE];
	const struct setting *s;
	int status = STATUS_OK;
	size_t i;

	for (i = 0; tenant && (s = setting_at(i, SETTING_TENANT)) && status == STATUS_OK; i++) {
		const struct conf_line *line = conf_find(conf, path, s);
		struct class_write *write;

		status = read_value(env, tenant, s, value, sizeof(value));
		if (status != STATUS_OK || (!line && !strcmp(value, s->unset)))
			continue;
		if (!line)
			complain("%s %s is %s and no line of %s sets it: it becomes %s", shown,
				 s->name, value, conf->shown, s->unset);
		tenant_device(tenant->id, device);
		write = GROW(plan->writes, plan->num);
		*write = (struct class_write){ .where = line ? conf_where(conf, line) : NULL };
		setting_plan(s, env, device, line ? line->value : s->unset, write);
	}
	free(shown);
	return status;
}

int tenant_plan_define(struct tenant_plan *tenants, const struct env *env,
		       const struct conf *conf, struct plan *plan)
{
	const struct conf_line *line;
	int status = STATUS_OK;
	struct tenants now;

	for_each_first(line, conf) {
		if (status != STATUS_OK)
			break;
		if (is_misplaced(tenants, conf, line->tenant))
			status = define_again(env, find_defined(&tenants->now, line->tenant));
		else if (!find_defined(&tenants->now, line->tenant))
			status = define_new(tenants, env, conf, line);
	}
	if (status != STATUS_OK)
		return status;
	status = tenants_load(env, &now);
	for_each_first(line, conf)
		if (status == STATUS_OK)
			status = plan_one(&now, env, conf, line->tenant, plan);
	tenants_free(&now);
	return status;
}

void tenant_plan_undo(struct tenant_plan *tenants, const struct env *env)
{
	struct tenants now;
	size_t i;

	if (!tenants->num_new || tenants_load(env, &now) != STATUS_OK)
		return;
	for (i = 0; i < tenants->num_new; i++) {
		const struct tenant *new = tenants_at(&now, tenants->new_ids[i]);

		if (new)
			tenant_remove(env, new->cgroup, new->id);
	}
	tenants_free(&now);
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
	return status;
}
