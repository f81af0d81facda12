// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/kept-file.h"
#include "base/util.h"
#include "model/cgroup-times.h"

#define MAX_STAT	4096

struct cgroup_time {
	char *directory;
	struct kept_file file;
	/* Whether it was read in this round, and the result. */
	bool is_read;
	int err;
	uint64_t ns;
	/* The last sum that it is in. */
	uint64_t sum;
};

/* "throttled_usec N" of version 2, "throttled_time N" in ns of version 1. */
static uint64_t parse_throttled(const char *stat)
{
	static const struct {
		const char *key;
		unsigned int ns;
	} keys[] = { { "throttled_usec ", 1000 }, { "throttled_time ", 1 } };
	const char *line = stat;
	size_t i;

	while (line) {
		for (i = 0; i < ARRAY_SIZE(keys); i++)
			if (begins_with(line, keys[i].key))
				return strtoull(line + strlen(keys[i].key),
						NULL, 10) * keys[i].ns;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	/* The controller is not enabled here: there is no quota. */
	return 0;
}

/* The index of a directory, or where it would be inserted. */
static size_t find(const struct cgroup_times *times, const char *directory)
{
	size_t low = 0, high = times->num;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(times->v[middle]->directory, directory) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct cgroup_time *get(struct cgroup_times *times, const char *directory)
{
	size_t i = find(times, directory);
	struct cgroup_time *time;

	if (i < times->num && !strcmp(times->v[i]->directory, directory))
		return times->v[i];
	time = xcalloc(1, sizeof(*time));
	time->directory = xstrdup(directory);
	(void)GROW(times->v, times->num);
	memmove(&times->v[i + 1], &times->v[i], (times->num - 1 - i) * sizeof(*times->v));
	times->v[i] = time;
	return time;
}

static void read_time(struct cgroup_time *time)
{
	char *path = xasprintf("%s/cpu.stat", time->directory), text[MAX_STAT];
	int len = kept_file_read(&time->file, AT_FDCWD, path, text, sizeof(text));

	free(path);
	time->is_read = true;
	time->err = len < 0 ? len : 0;
	time->ns = len < 0 ? 0 : parse_throttled(text);
}

void cgroup_times_begin_sum(struct cgroup_times *times)
{
	times->sum++;
}

int cgroup_times_throttled_ns(struct cgroup_times *times, const char *directory,
			      const char *mount, uint64_t *ns, uint64_t *sum_ns)
{
	size_t root = strlen(mount);
	char *level = xstrdup(directory);
	int err = 0;

	*ns = 0;
	/* The root of a hierarchy has no quota. */
	while (!err && strlen(level) > root) {
		struct cgroup_time *time = get(times, level);

		if (!time->is_read)
			read_time(time);
		err = time->err;
		*ns = add_saturated(*ns, time->ns);
		if (time->sum != times->sum)
			*sum_ns = add_saturated(*sum_ns, time->ns);
		time->sum = times->sum;
		*strrchr(level, '/') = '\0';
	}
	free(level);
	return err;
}

static void free_time(struct cgroup_time *time)
{
	kept_file_close(&time->file);
	free(time->directory);
	free(time);
}

void cgroup_times_end_round(struct cgroup_times *times)
{
	size_t kept = 0, i;

	for (i = 0; i < times->num; i++) {
		struct cgroup_time *time = times->v[i];

		if (time->is_read)
			times->v[kept++] = time;
		else
			free_time(time);
	}
	times->num = kept;
	for (i = 0; i < kept; i++)
		times->v[i]->is_read = false;
}

void cgroup_times_free(struct cgroup_times *times)
{
	while (times->num)
		free_time(times->v[--times->num]);
	free(times->v);
	*times = (struct cgroup_times){ };
}
