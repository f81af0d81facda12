// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/util.h"
#include "model/controls.h"

#define MAX_FILE	(1u << 16)

static const char *const kinds[] = {
	[CONTROLS_UNKNOWN] = "unknown", [CONTROLS_NONE] = "none", [CONTROLS_VMCS] = "vmcs",
	[CONTROLS_VMCB] = "vmcb", [CONTROLS_ENLIGHTENED] = "enlightened",
	[CONTROLS_BUSY] = "busy",
};

const char *controls_kind_name(enum controls_kind kind)
{
	return kinds[kind];
}

static int parse_kind(const char *word, enum controls_kind *kind)
{
	size_t i;

	for (i = CONTROLS_UNKNOWN; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i], word))
			continue;
		*kind = i;
		return 0;
	}
	return -EBADMSG;
}

static int parse_hex(const char *word, uint64_t *value)
{
	char *end;

	if (!begins_with(word, "0x") || !word[2])
		return -EBADMSG;
	errno = 0;
	*value = strtoull(word + 2, &end, 16);
	return errno || *end ? -EBADMSG : 0;
}

static int parse_control(const char *name, char *words, struct controls *controls)
{
	struct control *control = GROW(controls->v, controls->num);
	const char *word;

	*control = (struct control){ };
	if (!*name || strlen(name) >= sizeof(control->name))
		return -EBADMSG;
	strcpy(control->name, name);
	while ((word = strsep(&words, " ")))
		if (*word && (control->num == ARRAY_SIZE(control->values) ||
			      parse_hex(word, &control->values[control->num++])))
			return -EBADMSG;
	return control->num ? 0 : -EBADMSG;
}

static int parse_line(char *line, struct controls *controls)
{
	const char *name = strsep(&line, " ");

	if (!line)
		return *name ? -EBADMSG : 0;
	if (!strcmp(name, "kind"))
		return parse_kind(strsep(&line, " "), &controls->kind);
	if (!strcmp(name, "address"))
		return parse_hex(strsep(&line, " "), &controls->address);
	return parse_control(name, line, controls);
}

int controls_parse(char *text, struct controls *controls)
{
	char *line;
	int err = 0;

	*controls = (struct controls){ };
	while (!err && (line = strsep(&text, "\n")))
		err = parse_line(line, controls);
	return err ? err : controls->kind == CONTROLS_ABSENT ? -EBADMSG : 0;
}

int controls_read(int dirfd, uint64_t vcpu, struct controls *controls)
{
	char file[64], *text;
	size_t len;
	int err;

	*controls = (struct controls){ };
	snprintf(file, sizeof(file), "vcpu%llu/nested_controls", (unsigned long long)vcpu);
	text = file_read(dirfd, file, MAX_FILE, &len);
	if (!text)
		return errno == ENOENT ? 0 : -errno;
	err = controls_parse(text, controls);
	free(text);
	return err;
}

void controls_free(struct controls *controls)
{
	free(controls->v);
	*controls = (struct controls){ };
}

bool controls_are_read(const struct controls *controls)
{
	return controls->kind == CONTROLS_VMCS || controls->kind == CONTROLS_VMCB ||
	       controls->kind == CONTROLS_ENLIGHTENED;
}

uint64_t control_word(const struct controls *controls, const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < controls->num; i++)
		if (!strcmp(controls->v[i].name, name))
			return n < controls->v[i].num ? controls->v[i].values[n] : 0;
	return 0;
}

uint64_t control_value(const struct controls *controls, const char *name)
{
	return control_word(controls, name, 0);
}

bool controls_are_equal(const struct controls *a, const struct controls *b)
{
	size_t i;

	if (a->kind != b->kind || a->num != b->num)
		return false;
	for (i = 0; i < a->num; i++)
		if (strcmp(a->v[i].name, b->v[i].name) || a->v[i].num != b->v[i].num ||
		    memcmp(a->v[i].values, b->v[i].values, sizeof(a->v[i].values)))
			return false;
	return true;
}
