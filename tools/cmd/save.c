// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/replace.h"
#include "base/sysfs.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/cmd.h"
#include "model/machine.h"
#include "settings/conf.h"

#define HEADER	"# What l1tune apply sets, and l1tune save wrote: see l1tune.conf(5)."

/* One without the file has nothing to say; STATUS_OK also then. */
static int read_value(const struct env *env, const struct conf_key *key,
		      char *buf, size_t size)
{
	char *path;
	int len;

	if (key->file) {
		len = sysfs_read(env->class_fd, key->file, buf, size);
		if (sysfs_is_gone(len))
			snprintf(buf, size, "%s", key->unset);
		return len < 0 && !sysfs_is_gone(len) ?
		       env_complain(env, key->file, len) : STATUS_OK;
	}
	path = xasprintf("module/l1tune/parameters/%s", key->name);
	if (!machine_file(env->sysfs, path, buf, size))
		snprintf(buf, size, "%s", key->unset);
	free(path);
	return STATUS_OK;
}

/* A line that is there stays, with max in it if need be: it may have a comment. */
static int fill(const struct env *env, struct conf *conf)
{
	const struct conf_key *keys;
	int status = STATUS_OK;
	char value[64];
	size_t num, i;

	keys = conf_keys(&num);
	for (i = 0; i < num && status == STATUS_OK; i++) {
		status = read_value(env, &keys[i], value, sizeof(value));
		if (status == STATUS_OK && (conf_find(conf, &keys[i]) ||
					    strcmp(value, keys[i].unset)))
			conf_set(conf, &keys[i], value);
	}
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
			complain("%s was not changed: what is wrong in it would be lost",
				 conf->shown);
		if (status != STATUS_OK || !conf_is_empty(conf))
			return status;
		conf_free(conf);
	}
	conf_start(path, conf);
	conf_add_text(conf, HEADER);
	return status;
}

static int run(struct options *options, const char *path)
{
	bool is_stdout = !strcmp(path, "-");
	struct conf conf;
	int status = start(path, is_stdout, &conf);

	if (status == STATUS_OK)
		status = env_open(&options->env);
	if (status == STATUS_OK) {
		status = fill(&options->env, &conf);
		env_close(&options->env);
	}
	if (status == STATUS_OK && is_stdout) {
		conf_write(&conf, stdout);
		status = terminal_flush();
	} else if (status == STATUS_OK) {
		status = write_file(&conf);
	}
	conf_free(&conf);
	return status;
}

static void print_help(void)
{
	printf("Usage: l1tune save [OPTION]... [FILE]\n\n"
	       "Writes what is set now to FILE, or " CONF_PATH ", where comments stay as they\n"
	       "are; - is standard output. l1tune apply sets it again.\n\n"
	       "Options:\n");
	options_print_places();
}

int cmd_save(int argc, char *argv[], struct options *options)
{
	int status = options_parse(options, argc, argv, OPTIONS_PLACES);

	if (status != STATUS_OK)
		return status;
	if (options->help) {
		print_help();
		return STATUS_OK;
	}
	if (optind + 1 < argc) {
		complain("there is one file at a time");
		return STATUS_USAGE;
	}
	return run(options, optind < argc ? argv[optind] : CONF_PATH);
}
