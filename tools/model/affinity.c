// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/util.h"
#include "model/affinity.h"

#define MAX_STATUS	(64 << 10)

void affinity_add_list(const char *list, struct affinity *affinity)
{
	char *s = strpbrk(list, "0123456789\n");

	while (s && *s && *s != '\n') {
		unsigned long cpu = strtoul(s, &s, 10), last = cpu;

		if (*s == '-')
			last = strtoul(s + 1, &s, 10);
		for (; cpu <= last && cpu < MAX_CPUS; cpu++) {
			affinity->words[cpu / 64] |= 1ULL << cpu % 64;
			if (cpu / 64 >= affinity->num_words)
				affinity->num_words = cpu / 64 + 1;
		}
		s += *s == ',';
	}
}

/* "Cpus_allowed_list:	0-3,8" */
bool affinity_add(const struct env *env, const char *task, struct affinity *affinity)
{
	char *name = xasprintf("%s/status", task);
	size_t len;
	char *text = file_read(env->proc_fd, name, MAX_STATUS, &len);
	char *s = text ? strstr(text, "\nCpus_allowed_list:") : NULL;
	bool is_known = s;

	if (s)
		affinity_add_list(s + 1, affinity);
	free(text);
	free(name);
	return is_known;
}

void affinity_merge(struct affinity *all, const struct affinity *some)
{
	size_t i;

	for (i = 0; i < some->num_words; i++)
		all->words[i] |= some->words[i];
	if (some->num_words > all->num_words)
		all->num_words = some->num_words;
}

bool affinity_has(const struct affinity *affinity, unsigned long cpu)
{
	return cpu < MAX_CPUS && affinity->words[cpu / 64] >> cpu % 64 & 1;
}

uint64_t affinity_count(const struct affinity *affinity)
{
	uint64_t num = 0;
	size_t i;

	for (i = 0; i < affinity->num_words; i++)
		num += __builtin_popcountll(affinity->words[i]);
	return num;
}

bool affinity_overlaps(const struct affinity *a, const struct affinity *b)
{
	size_t i;

	for (i = 0; i < a->num_words; i++)
		if (a->words[i] & b->words[i])
			return true;
	return false;
}

bool affinity_contains(const struct affinity *a, const struct affinity *b)
{
	size_t i;

	for (i = 0; i < b->num_words; i++)
		if (b->words[i] & ~a->words[i])
			return false;
	return true;
}
