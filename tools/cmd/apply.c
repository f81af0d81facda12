// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "base/whole.h"
#include "cmd/apply-tenant.h"
#include "cmd/command.h"
#include "doctor/proof.h"
#include "model/machine.h"
#include "settings/class-write.h"
#include "settings/conf.h"
#include "settings/limit-rows.h"
#include "settings/modules.h"
#include "settings/tenant-define.h"

/* Hooks are attached before KVM's modprobe ends, or shortly after it. */
#define WAIT_US		100000
#define MAX_WAITS	20

/*
 * A line is written even if its value is already set: the module then tries again
 * to attach a hook that was in use. A setting without a line gets its default.
 */
static void plan_write(struct plan *plan, const struct env *env,
		       const struct conf *conf, const struct setting *setting,
		       const char *before)
{
	const struct conf_line *line = conf_find(conf, NULL, setting);
	struct class_write *write;

	if (!line && !strcmp(before, setting->unset))
		return;
	if (!line)
		complain("%s is %s and no line of %s sets it: it becomes %s",
			 setting->conf_name, before, conf->shown, setting->unset);
	write = GROW(plan->writes, plan->num);
	*write = (struct class_write) {
		.where = line ? conf_where(conf, line) : NULL,
	};
	setting_plan(setting, env, NULL, line ? line->value : setting->unset, write);
}

static void show_change(const struct conf *conf, const struct setting *setting,
			const char *before)
{
	const struct conf_line *line = conf_find(conf, NULL, setting);
	const char *after = line ? line->value : setting->unset;

	if (strcmp(before, after))
		printf("%s: %s -> %s\n", setting->conf_name, before, after);
}

/* With a plan it is filled, and without one what it would change is shown. */
static int compare(const struct env *env, const struct conf *conf,
		   struct plan *plan)
{
	const struct setting *s;
	int status = STATUS_OK, len;
	char before[32];
	size_t num;

	for (s = settings_all(&num); num-- && status == STATUS_OK; s++) {
		if (!s->conf_name || s->kind == SETTING_LOAD)
			continue;
		len = setting_read(s, env, NULL, before, sizeof(before));
		/* A module that has no such file has nothing to give back. */
		if (sysfs_is_gone(len) && !conf_find(conf, NULL, s))
			continue;
		if (len < 0)
			snprintf(before, sizeof(before), "-");
		if (len < 0 && !sysfs_is_gone(len))
			status = setting_complain(s, env, NULL, len);
		else if (plan)
			plan_write(plan, env, conf, s, before);
		else
			show_change(conf, s, before);
	}
	return status;
}

/* The files of guests are made for a group, which cannot be changed later. */
static int check_gid(const struct env *env, const struct conf *conf)
{
	const struct conf_line *line = conf_find(conf, NULL, setting_find_conf("gid"));
	char gid[32], *where;

	if (!line || setting_read(line->setting, env, NULL, gid, sizeof(gid)) < 0 ||
	    !strcmp(gid, line->value))
		return STATUS_OK;
	where = conf_where(conf, line);
	complain("%sgid = %s: the module was loaded with gid=%s and keeps that until it is loaded again: " RELOAD "; counts start at zero then",
		 where, line->value, gid);
	free(where);
	return STATUS_FAILED;
}

/* The other lines are set all the same: limits among them protect this machine. */
static void warn_of_harmful(const struct env *env, const struct conf *conf)
{
	const struct conf_line *line = conf_find(conf, NULL, setting_find_conf("tune.hlt_in_guest"));
	const char *why = line ? setting_why_harmful(line->setting, env, line->value) : NULL;
	char *where;

	if (!why)
		return;
	where = conf_where(conf, line);
	complain("%stune.hlt_in_guest = %s: %s, and with it guests do not start", where,
		 line->value, why);
	free(where);
}

/* Whether a limit that is set waits for KVM. */
static bool is_waiting(const struct limits *limits)
{
	size_t i;

	for (i = 0; i < limits->num; i++)
		if (limit_is_waiting(&limits->v[i]))
			return true;
	return false;
}

static int read_limits(const struct env *env, struct host *host,
		       struct limits *limits)
{
	int status = host_read(env, host);

	return status == STATUS_OK ? limits_read(env, host, limits) : status;
}

static void complain_below_use(const struct env *env, const struct host *host,
			       const struct limits *limits)
{
	struct limit_use uses[NUM_LIMITS];
	size_t i;

	limit_uses_read(env, host, uses);
	for (i = 0; i < limits->num; i++)
		limit_complain_below_use("", &limits->v[i],
					 &uses[limits->v[i].kind - limit_kinds]);
}

/* Is what was set in force? With KVM loaded nothing has a reason to wait. */
static int check_effect(const struct env *env, bool is_loaded)
{
	struct host host = { };
	struct limits limits = { };
	int status, waits = is_loaded ? MAX_WAITS : 0;
	size_t i;

	while ((status = read_limits(env, &host, &limits)) == STATUS_OK &&
	       waits-- && is_waiting(&limits)) {
		host_free(&host);
		usleep(WAIT_US);
	}
	for (i = 0; status != STATUS_NO_MODULE && i < limits.num; i++) {
		const struct limit *limit = &limits.v[i];

		if (limit_is_broken(limit) || limit_is_waiting(limit))
			limit_complain("", limit);
		if (limit_is_broken(limit) ||
		    (is_loaded && limit_is_waiting(limit)))
			status = STATUS_FAILED;
	}
	if (status != STATUS_NO_MODULE)
		complain_below_use(env, &host, &limits);
	host_free(&host);
	return status;
}

/* Once for each tenant that is defined: matches have the limits of their pattern. */
static int check_tenant_rows(const struct limit_rows *rows, bool is_loaded)
{
	int status = STATUS_OK;
	size_t i;

	for (i = 0; i < rows->num; i++) {
		const struct limit *limit = &rows->v[i].limit;
		char *owner;

		if (rows->v[i].tenant->is_match)
			continue;
		owner = xasprintf("tenant %s: ", rows->v[i].tenant->cgroup);
		if (limit_is_broken(limit) || limit_is_waiting(limit))
			limit_complain(owner, limit);
		if (limit_is_broken(limit) || (is_loaded && limit_is_waiting(limit)))
			status = STATUS_FAILED;
		limit_complain_below_use(owner, limit, &rows->v[i].use);
		free(owner);
	}
	return status;
}

static bool are_rows_waiting(const struct limit_rows *rows)
{
	size_t i;

	for (i = 0; i < rows->num; i++)
		if (limit_is_waiting(&rows->v[i].limit))
			return true;
	return false;
}

/* The rows have texts of the host's. */
static int read_tenant_rows(const struct env *env, const struct tenants *tenants,
			    struct host *host, struct limit_rows *rows)
{
	int status = host_read(env, host), err;
	char *file;

	*rows = (struct limit_rows){ };
	if (status != STATUS_OK)
		return status;
	err = limit_rows_add_tenants(rows, env, host, tenants, NULL, &file);
	if (err)
		status = env_complain(env, file, err);
	free(file);
	return status;
}

/* The same of tenants. */
static int check_effect_of_tenants(const struct env *env, bool is_loaded)
{
	int waits = is_loaded ? MAX_WAITS : 0;
	struct limit_rows rows;
	struct tenants tenants;
	struct host host;
	int status = tenants_load(env, &tenants);

	if (status != STATUS_OK || !tenants.num) {
		tenants_free(&tenants);
		return status;
	}
	while ((status = read_tenant_rows(env, &tenants, &host, &rows)) == STATUS_OK &&
	       waits-- && are_rows_waiting(&rows)) {
		limit_rows_free(&rows);
		host_free(&host);
		usleep(WAIT_US);
	}
	if (status == STATUS_OK)
		status = check_tenant_rows(&rows, is_loaded);
	if (tenants_check_cgroups(env) != STATUS_OK)
		status = STATUS_FAILED;
	limit_rows_free(&rows);
	tenants_free(&tenants);
	host_free(&host);
	return status;
}

static void undo(const struct env *env, const struct tenant_plan *tenants,
		 const struct plan *plan, size_t num_written)
{
	bool is_done = tenant_plan_undo(tenants, env);

	if (!class_writes_restore(env, plan->writes, num_written))
		is_done = false;
	if (!is_done)
		complain("changes that could not be undone are listed above; all others were restored");
	else if (tenants->is_reordered)
		complain("the limits and tenants from before were restored; patterns that were defined again count from 0");
	else
		complain("nothing was changed: the values and tenants from before were restored");
}

/* Limits of this host first: they hold while thousands of tenants are defined. */
static int write_all(const struct env *env, const struct conf *conf,
		     struct tenant_plan *tenants, const struct plan *plan)
{
	size_t num_written;
	int status = class_writes_write(env, plan->writes, plan->num, &num_written);

	if (status == STATUS_OK)
		status = tenant_plan_apply(tenants, env, conf);
	if (status == STATUS_OK)
		return tenant_plan_remove(tenants, env, conf);
	undo(env, tenants, plan, num_written);
	return status;
}

/* All that can be found wrong is, before anything is written. */
static int prepare(const struct env *env, const struct conf *conf,
		   struct tenant_plan *tenants, struct plan *plan)
{
	int status = check_gid(env, conf);

	warn_of_harmful(env, conf);
	if (status == STATUS_OK)
		status = tenant_plan_read(tenants, env, conf);
	if (status == STATUS_OK)
		status = compare(env, conf, plan);
	if (status == STATUS_OK)
		status = class_writes_read(env, plan->writes, plan->num);
	if (status == STATUS_OK)
		status = tenant_plan_prepare(tenants, env, conf);
	if (status != STATUS_OK)
		complain("nothing was changed");
	return status;
}

static int set_all(const struct env *env, const struct conf *conf)
{
	struct tenant_plan tenants = { };
	struct plan plan = { };
	struct whole whole;
	int status;

	whole_begin(&whole);
	status = prepare(env, conf, &tenants, &plan);
	if (status == STATUS_OK)
		status = write_all(env, conf, &tenants, &plan);
	class_writes_free(plan.writes, plan.num);
	tenant_plan_free(&tenants);
	whole_end(&whole);
	return status;
}

static int apply(const struct options *options, const struct conf *conf)
{
	const struct env *env = &options->env;
	int status = set_all(env, conf), of_tenants;

	if (status != STATUS_OK)
		return status;
	status = check_effect(env, options->load);
	of_tenants = check_effect_of_tenants(env, options->load);
	return status == STATUS_OK ? of_tenants : status;
}

/* Without the module there is nothing to compare with. */
static int check(struct options *options, const struct conf *conf)
{
	struct tenant_plan tenants = { };
	int status;

	if (!machine_has(options->env.sysfs, "class/l1tune/l1"))
		return STATUS_OK;
	status = env_open(&options->env);
	if (status != STATUS_OK)
		return status;
	status = check_gid(&options->env, conf);
	warn_of_harmful(&options->env, conf);
	if (status == STATUS_OK)
		status = tenant_plan_read(&tenants, &options->env, conf);
	if (status == STATUS_OK)
		status = compare(&options->env, conf, NULL);
	if (status == STATUS_OK)
		status = tenant_plan_show(&tenants, &options->env, conf);
	tenant_plan_free(&tenants);
	env_close(&options->env);
	return status;
}

/* Somebody who mistypes a limit loses limits, and not what the module counts. */
static int load(const struct options *options, const struct conf *conf)
{
	const struct conf_line *gid = conf_find(conf, NULL, setting_find_conf("gid"));

	return load_modules(&options->env, gid ? gid->value : NULL);
}

/* Hooks that are attached and not called are worse than none. */
static int prove_hooks(const struct env *env)
{
	char *missed = proof_missed(env);

	if (!missed)
		return STATUS_OK;
	complain("the module's hooks are attached, but not all are called: they missed the %s of a guest that ran to try them, so counts and limits are wrong on this kernel; see l1tune doctor",
		 missed);
	free(missed);
	return STATUS_FAILED;
}

/*
 * A file that lost its content in a crash must not remove all limits: whoever
 * wants none leaves a comment.
 */
static int read_conf(const char *path, struct conf *conf)
{
	int status = conf_read(path, conf);

	if (status != STATUS_OK || !conf_is_empty(conf))
		return status;
	complain("%s is empty, as a crash may leave a file: restore it, or write it with l1tune save; a file without limits needs at least a comment line",
		 conf->shown);
	return STATUS_FAILED;
}

static int run(struct options *options)
{
	const char *path = options->num_words ? options->words[0] : CONF_PATH;
	struct conf conf;
	int is_right = read_conf(path, &conf), status = STATUS_OK, of_hooks = STATUS_OK;

	if (options->load)
		status = load(options, &conf);
	if (options->load && !options->no_try && status == STATUS_OK)
		of_hooks = prove_hooks(&options->env);
	if (is_right != STATUS_OK) {
		complain("no limit was changed: correct %s first",
			 conf.shown);
		status = is_right;
	} else if (status == STATUS_OK && options->check) {
		status = check(options, &conf);
	} else if (status == STATUS_OK) {
		status = env_open(&options->env);
		if (status == STATUS_OK) {
			status = apply(options, &conf);
			env_close(&options->env);
		}
	}
	conf_free(&conf);
	return status == STATUS_OK ? of_hooks : status;
}

static const struct option_spec own_options[] = {
	OPTION(FLAG, 0, "check", NULL, check, "only check the file, and show what would change",
	       .excludes = "load"),
	OPTION(FLAG, 0, "load", NULL, load, "load the module and KVM first, and run a guest of one\n"
	       "instruction to see whether the module's hooks are called"),
	OPTION(FLAG, 0, "no-try", NULL, no_try, "create no VM to try the hooks"),
	{ }
};

const struct command cmd_apply = {
	.name = "apply",
	.synopsis = "[OPTION]... [FILE]",
	.summary = "apply /etc/l1tune.conf to this host",
	.about = "Applies FILE, or " CONF_PATH ", to this host: all of it, or nothing if a line\n"
		 "is wrong. Settings without a line are reset to their defaults.",
	.run = run,
	.options = own_options,
	.words = WORDS_FILES,
	.most_words = 1,
};
