// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/util.h"
#include "model/slow.h"

/* 240 vCPUs with 21 lines of 1 KB each are 5 MB. */
#define MAX_SIZE	(64 << 20)

static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
#define NUMBER(key, member)	{ key, offsetof(struct slow_exit, member) }
	NUMBER("vcpu", vcpu),
	NUMBER("number", number),
	NUMBER("end_ns", end_ns),
	NUMBER("tid", tid),
	NUMBER("time_ns", time_ns),
	NUMBER("vmm_ns", parts_ns[PART_VMM]),
	NUMBER("vmm_sleep_ns", parts_ns[PART_VMM_SLEEP]),
	NUMBER("halted_ns", parts_ns[PART_HALTED]),
	NUMBER("blocked_ns", parts_ns[PART_BLOCKED]),
	NUMBER("runq_ns", parts_ns[PART_RUNQ]),
	NUMBER("throttled_ns", parts_ns[PART_THROTTLED]),
	NUMBER("rest_ns", parts_ns[PART_KERNEL]),
	NUMBER("ran_pid", ran_pid),
	NUMBER("ran_ns", ran_ns),
	NUMBER("ran_threads", ran_threads),
#undef NUMBER
};

/* LEVEL/CODE:NS,… */
static void parse_before(const char *text, struct slow_exit *exit)
{
	unsigned int level, code;
	unsigned long long ns;

	while (text && exit->num_before < MAX_BEFORE &&
	       sscanf(text, "%u/%u:%llu", &level, &code, &ns) == 3) {
		exit->before[exit->num_before].level = level;
		exit->before[exit->num_before].code = code;
		exit->before[exit->num_before++].ns = ns;
		text = strchr(text, ',');
		text = text ? text + 1 : NULL;
	}
}

static void take(struct slow_exit *exit, const char *key, const char *value)
{
	uint64_t number;
	size_t i;

	if (!strcmp(key, "reason"))
		snprintf(exit->key.reason, sizeof(exit->key.reason), "%s", value);
	else if (!strcmp(key, "ran_comm"))
		snprintf(exit->ran_comm, sizeof(exit->ran_comm), "%s", value);
	else if (!strcmp(key, "before"))
		parse_before(value, exit);
	if (parse_u64(value, &number))
		return;
	if (!strcmp(key, "level"))
		exit->key.level = number;
	else if (!strcmp(key, "code"))
		exit->key.code = number;
	else if (!strcmp(key, "stolen_ns")) {
		exit->has_stolen = true;
		exit->stolen_ns = number;
	}
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!strcmp(key, numbers[i].key))
			*(uint64_t *)((char *)exit + numbers[i].offset) = number;
}

bool slow_parse(const char *line, struct slow_exit *exit)
{
	char *copy = xstrdup(line), *rest = copy, *word, *value;

	*exit = (struct slow_exit){ };
	while ((word = strsep(&rest, " "))) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value = '\0';
		take(exit, word, value + 1);
	}
	free(copy);
	return exit->number;
}

static int compare(const void *a, const void *b)
{
	const struct slow_exit *x = a, *y = b;

	if (x->vcpu != y->vcpu)
		return x->vcpu < y->vcpu ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

int slow_read(int guest_fd, struct slow_exit **v, size_t *num)
{
	size_t len;
	char *text = file_read(guest_fd, "slow", MAX_SIZE, &len), *rest = text, *line;

	*v = NULL;
	*num = 0;
	if (!text)
		return -errno;
	while ((line = strsep(&rest, "\n"))) {
		struct slow_exit exit;

		if (slow_parse(line, &exit))
			*GROW(*v, *num) = exit;
	}
	free(text);
	if (*num)
		qsort(*v, *num, sizeof(**v), compare);
	return 0;
}
