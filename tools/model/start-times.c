// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/start-times.h"

#define LOWEST_SHIFT	20

uint64_t start_bucket_ns(size_t i)
{
	return i + 1 < START_BUCKETS ? 1ull << (LOWEST_SHIFT + i) : 0;
}

/* "NAME COUNT SUM_NS BUCKET…" */
static bool parse(const char *line, struct start_time *time)
{
	int len = 0;
	size_t i;

	*time = (struct start_time){ };
	if (sscanf(line, "%15s %" SCNu64 " %" SCNu64 "%n", time->name, &time->count, &time->sum_ns,
		   &len) != 3)
		return false;
	for (i = 0; i < START_BUCKETS; i++) {
		char *end;

		time->buckets[i] = strtoull(line + len, &end, 10);
		if (end == line + len)
			return false;
		len = end - line;
	}
	return true;
}

int start_times_read(const struct env *env, const char *device, struct start_times *times)
{
	char *path = xasprintf("%s/start/times", device), *ended = xasprintf("%s/start/ended", device);
	size_t len;
	char *text = file_read(env->class_fd, path, 4096, &len), *rest = text, *line;
	int err = text ? 0 : -errno;

	*times = (struct start_times){ };
	if (!err)
		err = sysfs_read_u64(env->class_fd, ended, &times->ended);
	times->are_known = !err;
	while (times->are_known && times->num < ARRAY_SIZE(times->v) &&
	       (line = strsep(&rest, "\n")))
		times->num += parse(line, &times->v[times->num]);
	free(text);
	free(path);
	free(ended);
	return err;
}

const struct start_time *start_times_total(const struct start_times *times)
{
	size_t i;

	for (i = 0; i < times->num; i++)
		if (!strcmp(times->v[i].name, "total"))
			return &times->v[i];
	return NULL;
}

bool start_time_percentile(const struct start_time *time, unsigned int percent,
			   uint64_t *below_ns)
{
	uint64_t num = 0, seen = 0;
	size_t i;

	for (i = 0; i < START_BUCKETS; i++)
		num += time->buckets[i];
	for (i = 0; num && i < START_BUCKETS; i++) {
		seen += time->buckets[i];
		/* As it is rounded up, at least one. */
		if (seen < (num * percent + 99) / 100)
			continue;
		*below_ns = start_bucket_ns(i);
		return *below_ns;
	}
	return false;
}
