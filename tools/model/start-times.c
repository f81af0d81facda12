// SPDX-License-Identifier: GPL-2.0
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

void start_times_read(const struct env *env, struct start_times *times)
{
	size_t len;
	char *text = file_read(env->class_fd, "l1/start/times", 4096, &len), *rest = text, *line;

	*times = (struct start_times){ };
	times->are_known = text && !sysfs_read_u64(env->class_fd, "l1/start/ended", &times->ended);
	while (times->are_known && times->num < ARRAY_SIZE(times->v) &&
	       (line = strsep(&rest, "\n")))
		times->num += parse(line, &times->v[times->num]);
	free(text);
}
