/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CONF_H
#define L1TUNE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "settings/setting.h"

#define CONF_PATH	"/etc/l1tune.conf"

/* A line of the configuration, as it stands there. */
struct conf_line {
	char *text;
	/* NULL for a comment, an empty line, and one that is wrong. */
	const struct setting *setting;
	/* The path or pattern of a tenant whose setting it is; NULL for this machine. */
	char *tenant;
	/* As the module writes it. */
	char *value;
	/* Where the value is in the text. */
	size_t value_start;
	size_t value_len;
	/* The next line of the same tenant, or of this machine: its number, 0 for none. */
	size_t next;
};

struct conf {
	char *path;
	/* The same, harmless on a terminal. */
	char *shown;
	struct conf_line *lines;
	size_t num;
	/* Of lines with a setting, by tenant: a file may have 4096 of them. */
	void *index;
};

/*
 * STATUS_OK, or another exit status after a message for each wrong line;
 * the others are there then. Free with conf_free() in every case.
 */
int conf_read(const char *path, struct conf *conf);
/* Not even a comment is in it. */
bool conf_is_empty(const struct conf *conf);
/* One without lines, to be filled. */
void conf_start(const char *path, struct conf *conf);
void conf_free(struct conf *conf);

/*
 * The line that sets a key, of a tenant if that is not NULL; NULL if none does. Without
 * a setting the first line of the tenant.
 */
const struct conf_line *conf_find(const struct conf *conf, const char *tenant,
				  const struct setting *setting);
/* Is it the first line of its tenant? Their order is that of these. */
bool conf_is_first(const struct conf *conf, const struct conf_line *line);
/* "tenant:/a/b", as it is written in the file: a copy. */
char *conf_tenant_text(const char *tenant);
/* "FILE:LINE: ", a copy. */
char *conf_where(const struct conf *conf, const struct conf_line *line);

/* Puts a value into its line, or into a new one at the end. */
void conf_set(struct conf *conf, const char *tenant, const struct setting *setting,
	      const char *value);
/* Lines of a tenant become comments, or are moved to the end. */
void conf_disable_tenant(struct conf *conf, const char *tenant);
void conf_move_tenant(struct conf *conf, const char *tenant);
void conf_add_text(struct conf *conf, const char *text);
void conf_write(const struct conf *conf, FILE *file);

#endif
