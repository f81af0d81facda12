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
#include "settings/conf.h"

#define HEADER	"# What l1tune apply sets, and l1tune save wrote: see l1tune.conf(5)."

/* A line that is there stays, with max in it if need be: it may have a comment. */
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
			return setting_complain(s, env, len);
		if (len < 0)
			snprintf(value, sizeof(value), "%s", s->unset);
		if (conf_find(conf, s) || strcmp(value, s->unset))
			conf_set(conf, s, value);
	}
	return STATUS_OK;
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
