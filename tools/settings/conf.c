// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/util.h"
#include "settings/conf.h"
#include "settings/tenant-define.h"

#define TENANT	"tenant:"

static const char *skip_blanks(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

char *conf_where(const struct conf *conf, const struct conf_line *line)
{
	return xasprintf("%s:%zu: ", conf->shown, line - conf->lines + 1);
}

__printf(3, 4)
static int complain_line(const struct conf *conf, const struct conf_line *line,
			 const char *fmt, ...)
{
	char *where = conf_where(conf, line), *why;
	va_list ap;

	va_start(ap, fmt);
	why = xvasprintf(fmt, ap);
	va_end(ap);
	complain("%s%s", where, why);
	free(where);
	free(why);
	return STATUS_FAILED;
}

/* The lines of a tenant, or of this machine: numbers, which begin with 1. */
struct owner {
	/* The first line's; NULL for this machine. */
	const char *tenant;
	size_t first, last;
};

static int compare_owners(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	/* No path is empty. */
	return strcmp(x->tenant ? x->tenant : "", y->tenant ? y->tenant : "");
}

static struct owner *find_owner(const struct conf *conf, const char *tenant)
{
	const struct owner wanted = { .tenant = tenant };
	struct owner **found = tfind(&wanted, &conf->index, compare_owners);

	return found ? *found : NULL;
}

/* Adds a line that has a setting, after the others of its tenant. */
static void index_line(struct conf *conf, struct conf_line *line)
{
	size_t number = line - conf->lines + 1;
	struct owner *new = xcalloc(1, sizeof(*new)), **found;

	*new = (struct owner){ .tenant = line->tenant, .first = number, .last = number };
	found = tsearch(new, &conf->index, compare_owners);
	if (!found) {
		complain("out of memory");
		exit(STATUS_FAILED);
	}
	if (*found == new)
		return;
	conf->lines[(*found)->last - 1].next = number;
	(*found)->last = number;
	free(new);
}

static void free_index(struct conf *conf)
{
	tdestroy(conf->index, free);
	conf->index = NULL;
}

/* After lines were moved. */
static void index_again(struct conf *conf)
{
	size_t i;

	free_index(conf);
	for (i = 0; i < conf->num; i++)
		conf->lines[i].next = 0;
	for (i = 0; i < conf->num; i++)
		if (conf->lines[i].setting)
			index_line(conf, &conf->lines[i]);
}

const struct conf_line *conf_find(const struct conf *conf, const char *tenant,
				  const struct setting *setting)
{
	const struct owner *owner = find_owner(conf, tenant);
	size_t i;

	for (i = owner ? owner->first : 0; i; i = conf->lines[i - 1].next)
		if (!setting || conf->lines[i - 1].setting == setting)
			return &conf->lines[i - 1];
	return NULL;
}

bool conf_is_first(const struct conf *conf, const struct conf_line *line)
{
	return line->tenant && conf_find(conf, line->tenant, NULL) == line;
}

/* The byte of "\040", 0 if that is not what stands there. */
static unsigned char octal(const char *s)
{
	unsigned int value = 0, i;

	for (i = 1; i < 4; i++) {
		if (s[i] < '0' || s[i] > '7')
			return 0;
		value = value * 8 + s[i] - '0';
	}
	return value < 256 ? value : 0;
}

/* Names of cgroups may hold what would end the word, or be taken for an escape. */
char *conf_tenant_text(const char *tenant)
{
	char *text = xstrdup(TENANT);

	for (; *tenant; tenant++) {
		unsigned char c = *tenant;

		if (isspace(c) || iscntrl(c) || (c == '\\' && octal(tenant)))
			append(&text, "\\%03o", c);
		else
			append(&text, "%c", c);
	}
	return text;
}

static char *unescape(const char *s, size_t len)
{
	char *text = xmemdup0(s, len), *from = text, *to = text;

	while (*from) {
		unsigned char c = *from == '\\' ? octal(from) : 0;

		*to++ = c ? (char)c : *from;
		from += c ? 4 : 1;
	}
	*to = '\0';
	return text;
}

/* A comment may follow it. */
static void find_value(struct conf_line *line, const char *start)
{
	size_t len = 0;

	while (start[len] && !(start[len] == '#' &&
			       (!len || isspace((unsigned char)start[len - 1]))))
		len++;
	while (len && isspace((unsigned char)start[len - 1]))
		len--;
	line->value_start = start - line->text;
	line->value_len = len;
}

static const char *name_of(const struct setting *setting)
{
	return setting->conf_name ? setting->conf_name : setting->name;
}

static int parse_value(struct conf *conf, struct conf_line *line,
		       const struct setting *setting)
{
	const struct conf_line *other = conf_find(conf, line->tenant, setting);
	const char *wrong = "a value is missing", *name = name_of(setting);
	char *text, *tenant;

	if (other)
		return complain_line(conf, line, "%s is already set in line %zu", name,
				     other - conf->lines + 1);
	text = xmemdup0(line->text + line->value_start, line->value_len);
	tenant = line->tenant ? conf_tenant_text(line->tenant) : NULL;
	if (*text)
		wrong = setting->parse(setting, text, &line->value);
	if (wrong)
		complain_line(conf, line, "%s%s%s = %s: %s", tenant ? tenant : "",
			      tenant ? " " : "", name, text, wrong);
	line->setting = wrong ? NULL : setting;
	if (!wrong)
		index_line(conf, line);
	free(tenant);
	free(text);
	return wrong ? STATUS_FAILED : STATUS_OK;
}

/* "NAME = VALUE", of the line's tenant if it has one. */
static int parse_assignment(struct conf *conf, struct conf_line *line,
			    const char *start)
{
	size_t len = strcspn(start, "=# \t\r\f\v");
	const char *end = skip_blanks(start + len);
	const struct setting *setting;
	struct error error = { };
	char *name;
	int status;

	if (*end != '=')
		return complain_line(conf, line, line->tenant ?
				     "a line of a tenant is " TENANT "PATH NAME = VALUE" :
				     "a line is NAME = VALUE, or a comment that begins with #");
	name = xmemdup0(start, len);
	setting = line->tenant ? setting_find(name, SETTING_TENANT) : setting_find_conf(name);
	if (setting) {
		find_value(line, skip_blanks(end + 1));
		status = parse_value(conf, line, setting);
	} else {
		setting_unknown_conf(name, line->tenant, &error);
		status = complain_line(conf, line, "%s", error.message);
		error_free(&error);
	}
	free(name);
	return status;
}

static int parse_tenant(struct conf *conf, struct conf_line *line, const char *start)
{
	size_t len = strcspn(start, " \t\r\f\v");
	char *path = unescape(start, len);
	const char *wrong;
	int status;

	line->tenant = tenant_parse(path + strlen(TENANT), &wrong);
	status = line->tenant ? parse_assignment(conf, line, skip_blanks(start + len)) :
				complain_line(conf, line, "%s: %s", path, wrong);
	free(path);
	return status;
}

static int parse_line(struct conf *conf, struct conf_line *line)
{
	const char *start = skip_blanks(line->text);

	if (!*start || *start == '#')
		return STATUS_OK;
	return begins_with(start, TENANT) ? parse_tenant(conf, line, start) :
					    parse_assignment(conf, line, start);
}

void conf_add_text(struct conf *conf, const char *text)
{
	*GROW(conf->lines, conf->num) = (struct conf_line) {
		.text = xstrdup(text),
	};
}

static int read_lines(struct conf *conf, FILE *file)
{
	int status = STATUS_OK, one;
	char *text = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&text, &size, file)) >= 0) {
		struct conf_line *line;

		if (len && text[len - 1] == '\n')
			text[--len] = '\0';
		conf_add_text(conf, text);
		line = &conf->lines[conf->num - 1];
		one = strlen(text) == (size_t)len ? parse_line(conf, line) :
		      complain_line(conf, line, "not a line of text: it contains a NUL byte");
		if (one != STATUS_OK)
			status = one;
	}
	free(text);
	if (!ferror(file))
		return status;
	complain("%s: %s", conf->shown, strerror(errno));
	return STATUS_FAILED;
}

bool conf_is_empty(const struct conf *conf)
{
	size_t i;

	for (i = 0; i < conf->num; i++)
		if (*skip_blanks(conf->lines[i].text))
			return false;
	return true;
}

void conf_start(const char *path, struct conf *conf)
{
	*conf = (struct conf) {
		.path = xstrdup(path), .shown = escape_for_terminal(path),
	};
}

int conf_read(const char *path, struct conf *conf)
{
	FILE *file;
	int status;

	conf_start(path, conf);
	file = fopen(path, "re");
	if (!file) {
		complain("%s: %s%s", conf->shown, strerror(errno),
			 errno == ENOENT ? ": l1tune save creates one from the current settings" : "");
		return errno == EACCES ? STATUS_NOT_PERMITTED : STATUS_FAILED;
	}
	status = read_lines(conf, file);
	fclose(file);
	return status;
}

static void free_line(struct conf_line *line)
{
	free(line->text);
	free(line->tenant);
	free(line->value);
}

void conf_free(struct conf *conf)
{
	size_t i;

	free_index(conf);
	for (i = 0; i < conf->num; i++)
		free_line(&conf->lines[i]);
	free(conf->lines);
	free(conf->shown);
	free(conf->path);
	*conf = (struct conf){ };
}

/* "NAME" or "tenant:PATH NAME", and what stands before the value. */
static char *assignment_of(const char *tenant, const struct setting *setting)
{
	char *path = tenant ? conf_tenant_text(tenant) : NULL;
	char *text = xasprintf("%s%s%s = ", path ? path : "", path ? " " : "",
			       name_of(setting));

	free(path);
	return text;
}

/* A line with an equal value is not changed. */
void conf_set(struct conf *conf, const char *tenant, const struct setting *setting,
	      const char *value)
{
	const struct conf_line *found = conf_find(conf, tenant, setting);
	struct conf_line *line, before = { };
	char *shown, *start;

	if (found && !strcmp(found->value, value))
		return;
	shown = setting->show(setting, value);
	if (found) {
		line = &conf->lines[found - conf->lines];
		before = *line;
		line->text = xasprintf("%.*s%s%s", (int)before.value_start,
				       before.text, shown, before.text +
				       before.value_start + before.value_len);
		before.tenant = NULL;
	} else {
		start = assignment_of(tenant, setting);
		line = GROW(conf->lines, conf->num);
		*line = (struct conf_line) {
			.text = xasprintf("%s%s", start, shown), .setting = setting,
			.tenant = tenant ? xstrdup(tenant) : NULL,
			.value_start = strlen(start),
		};
		free(start);
	}
	line->value = xstrdup(value);
	line->value_len = strlen(shown);
	if (!found)
		index_line(conf, line);
	free_line(&before);
	free(shown);
}

void conf_disable_tenant(struct conf *conf, const char *tenant)
{
	struct owner *owner = find_owner(conf, tenant);
	size_t i = owner ? owner->first : 0;

	if (owner)
		tdelete(owner, &conf->index, compare_owners);
	free(owner);
	while (i) {
		struct conf_line *line = &conf->lines[i - 1], before = *line;

		*line = (struct conf_line){ .text = xasprintf("#%s", before.text) };
		i = before.next;
		free_line(&before);
	}
}

void conf_move_tenant(struct conf *conf, const char *tenant)
{
	size_t num = conf->num, kept = 0, i;
	struct conf_line *moved = NULL;
	size_t num_moved = 0;

	for (i = 0; i < num; i++) {
		struct conf_line line = conf->lines[i];

		if (line.setting && line.tenant && !strcmp(line.tenant, tenant))
			*GROW(moved, num_moved) = line;
		else
			conf->lines[kept++] = line;
	}
	for (i = 0; i < num_moved; i++)
		conf->lines[kept++] = moved[i];
	free(moved);
	index_again(conf);
}

void conf_write(const struct conf *conf, FILE *file)
{
	size_t i;

	for (i = 0; i < conf->num; i++)
		fprintf(file, "%s\n", conf->lines[i].text);
}
