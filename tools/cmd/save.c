// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/replace.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "cmd/command.h"
#include "model/tenant.h"
#include "settings/conf.h"
#include "settings/tenant-define.h"

#define HEADER	"# Settings for l1tune apply, written by l1tune save: see l1tune.conf(5)."

/* An existing line is kept, as "max" if the limit is not set: it may have a comment. */
static int fill(const struct env *env, struct conf *conf)
{
	const struct setting *s;
	char value[64];
	size_t num;
	int len;

	for (s = settings_all(&num); num--; s++) {
		if (!s->conf_name)
			continue;
		len = setting_read(s, env, NULL, value, sizeof(value));
		if (len < 0 && !sysfs_is_gone(len) && s->kind != SETTING_LOAD)
			return setting_complain(s, env, NULL, len);
		if (len < 0)
			snprintf(value, sizeof(value), "%s", s->unset);
		if (conf_find(conf, NULL, s) || strcmp(value, s->unset))
			conf_set(conf, NULL, s, value);
	}
	return STATUS_OK;
}

/* One without limits is kept by a line that sets none. */
static int fill_tenant(const struct env *env, const struct tenant *tenant, struct conf *conf)
{
	char device[TENANT_DEVICE_SIZE], value[64];
	const struct setting *s;
	size_t i;
	int len;

	tenant_device(tenant->id, device);
	for (i = 0; (s = setting_at(i, SETTING_TENANT)); i++) {
		len = setting_read(s, env, device, value, sizeof(value));
		if (len < 0)
			return setting_complain(s, env, device, len);
		if (conf_find(conf, tenant->cgroup, s) || strcmp(value, s->unset))
			conf_set(conf, tenant->cgroup, s, value);
	}
	s = setting_at(0, SETTING_TENANT);
	if (!conf_find(conf, tenant->cgroup, NULL))
		conf_set(conf, tenant->cgroup, s, s->unset);
	return STATUS_OK;
}

/* A line would define its tenant again, so those of tenants that were removed are disabled. */
static void disable_others(const struct tenants *tenants, struct conf *conf)
{
	size_t i;

	for (i = 0; i < conf->num; i++) {
		const char *path = conf->lines[i].tenant;
		const struct tenant *tenant = path ? tenants_find(tenants, path) : NULL;

		if (path && (!tenant || tenant->is_match))
			conf_disable_tenant(conf, path);
	}
}

/* Patterns are tried in the order of the file, as in that of their definition. */
static bool are_in_order(const struct tenants *tenants, const struct conf *conf)
{
	const struct tenant *before = NULL;
	size_t i;

	for (i = 0; i < conf->num; i++) {
		const struct conf_line *line = &conf->lines[i];
		const struct tenant *tenant = conf_is_first(conf, line) ?
					      tenants_find(tenants, line->tenant) : NULL;

		if (!tenant || !tenant->is_pattern)
			continue;
		if (before && tenant->id < before->id)
			return false;
		before = tenant;
	}
	return true;
}

static int fill_tenants(const struct env *env, struct conf *conf)
{
	struct tenants tenants;
	size_t i;
	int status;

	/* A module without tenants: existing lines are kept. */
	if (!tenants_are_known(env))
		return STATUS_OK;
	status = tenants_load(env, &tenants);
	if (status == STATUS_OK)
		disable_others(&tenants, conf);
	for (i = 0; i < tenants.num && status == STATUS_OK; i++)
		if (!tenants.v[i].is_match)
			status = fill_tenant(env, &tenants.v[i], conf);
	for (i = 0; status == STATUS_OK && !are_in_order(&tenants, conf) && i < tenants.num; i++)
		if (tenants.v[i].is_pattern)
			conf_move_tenant(conf, tenants.v[i].cgroup);
	tenants_free(&tenants);
	return status;
}

static int write_file(const struct conf *conf)
{
	struct replacement replacement;
	int err = replacement_start(&replacement, conf->path);

	if (!err) {
		conf_write(conf, replacement.file);
		err = replacement_finish(&replacement);
	}
	if (!err)
		return STATUS_OK;
	complain("%s: %s", conf->shown, strerror(-err));
	return err == -EACCES || err == -EPERM || err == -EROFS ?
	       STATUS_NOT_PERMITTED : STATUS_FAILED;
}

static int start(const char *path, bool is_stdout, struct conf *conf)
{
	int status = STATUS_OK;

	if (!is_stdout && !access(path, F_OK)) {
		status = conf_read(path, conf);
		if (status != STATUS_OK)
			complain("%s was not changed: correct it first, or its wrong lines would be lost",
				 conf->shown);
		if (status != STATUS_OK || !conf_is_empty(conf))
			return status;
		conf_free(conf);
	}
	conf_start(path, conf);
	conf_add_text(conf, HEADER);
	return status;
}

static int run(struct options *options)
{
	const char *path = options->num_words ? options->words[0] : CONF_PATH;
	bool is_stdout = !strcmp(path, "-");
	struct conf conf;
	int status = start(path, is_stdout, &conf);

	if (status == STATUS_OK)
		status = env_open(&options->env);
	if (status == STATUS_OK) {
		status = fill(&options->env, &conf);
		if (status == STATUS_OK)
			status = fill_tenants(&options->env, &conf);
		env_close(&options->env);
	}
	if (status == STATUS_OK && is_stdout)
		conf_write(&conf, stdout);
	else if (status == STATUS_OK)
		status = write_file(&conf);
	conf_free(&conf);
	return status;
}

const struct command cmd_save = {
	.name = "save",
	.synopsis = "[OPTION]... [FILE]",
	.summary = "write the current settings to /etc/l1tune.conf",
	.about = "Writes the current settings to FILE, or " CONF_PATH ", and keeps its comments;\n"
		 "- is standard output. l1tune apply applies the file.",
	.run = run,
	.words = WORDS_FILES,
	.most_words = 1,
};
