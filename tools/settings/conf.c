// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/util.h"
#include "settings/conf.h"

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

const struct conf_line *conf_find(const struct conf *conf,
				  const struct setting *setting)
{
	size_t i;

	for (i = 0; i < conf->num; i++)
		if (conf->lines[i].setting == setting)
			return &conf->lines[i];
	return NULL;
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

static int parse_value(const struct conf *conf, struct conf_line *line,
		       const struct setting *setting)
{
	const struct conf_line *other = conf_find(conf, setting);
	const char *wrong = "a value is missing";
	char *text;

	if (other)
		return complain_line(conf, line, "%s is already set in line %zu",
				     setting->conf_name, other - conf->lines + 1);
	text = xmemdup0(line->text + line->value_start, line->value_len);
	if (*text)
		wrong = setting->parse(setting, text, &line->value);
	if (wrong)
		complain_line(conf, line, "%s = %s: %s", setting->conf_name, text,
			      wrong);
	else
		line->setting = setting;
	free(text);
	return wrong ? STATUS_FAILED : STATUS_OK;
}

static int parse_line(const struct conf *conf, struct conf_line *line)
{
	const char *start = skip_blanks(line->text), *end;
	size_t len = strcspn(start, "=# \t\r\f\v");
	const struct setting *setting;
	struct error error = { };
	char *name;
	int status;

	if (!*start || *start == '#')
		return STATUS_OK;
	end = skip_blanks(start + len);
	if (*end != '=')
		return complain_line(conf, line, "a line is NAME = VALUE, or a comment that begins with #");
	name = xmemdup0(start, len);
	setting = setting_find_conf(name);
	if (setting) {
		find_value(line, skip_blanks(end + 1));
		status = parse_value(conf, line, setting);
	} else {
		setting_unknown_conf(name, &error);
		status = complain_line(conf, line, "%s", error.message);
		error_free(&error);
	}
	free(name);
	return status;
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
	free(line->value);
}

void conf_free(struct conf *conf)
{
	size_t i;

	for (i = 0; i < conf->num; i++)
		free_line(&conf->lines[i]);
	free(conf->lines);
	free(conf->shown);
	free(conf->path);
	*conf = (struct conf){ };
}

/* A line whose meaning is the same is left as it is. */
void conf_set(struct conf *conf, const struct setting *setting, const char *value)
{
	const struct conf_line *found = conf_find(conf, setting);
	struct conf_line *line, before;
	char *shown;

	if (found && !strcmp(found->value, value))
		return;
	shown = setting->show(setting, value);
	if (found) {
		line = &conf->lines[found - conf->lines];
		before = *line;
		line->text = xasprintf("%.*s%s%s", (int)before.value_start,
				       before.text, shown, before.text +
				       before.value_start + before.value_len);
	} else {
		line = GROW(conf->lines, conf->num);
		before = (struct conf_line){ };
		*line = (struct conf_line) {
			.text = xasprintf("%s = %s", setting->conf_name, shown),
			.setting = setting, .value_start = strlen(setting->conf_name) + 3,
		};
	}
	line->value = xstrdup(value);
	line->value_len = strlen(shown);
	free_line(&before);
	free(shown);
}

void conf_write(const struct conf *conf, FILE *file)
{
	size_t i;

	for (i = 0; i < conf->num; i++)
		fprintf(file, "%s\n", conf->lines[i].text);
}
