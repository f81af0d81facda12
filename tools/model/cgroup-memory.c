// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/format.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/cgroup-memory.h"

#define MAX_CGROUP_FILE	16384

char *cgroup_memory_directory_of(const struct env *env, const struct cgroup_mounts *mounts,
				 uint64_t pid, const char **mount)
{
	char *file = xasprintf("%llu/cgroup", (unsigned long long)pid), *directory;
	size_t len;
	char *text = file_read(env->proc_fd, file, MAX_CGROUP_FILE, &len);

	directory = text ? cgroup_memory_directory(mounts, text, mount) : NULL;
	free(text);
	free(file);
	return directory;
}

/* "max" is no number. */
static bool read_number(const char *directory, const char *name, uint64_t *number)
{
	char *path = xasprintf("%s/%s", directory, name);
	int err = sysfs_read_u64(AT_FDCWD, path, number);

	free(path);
	return !err;
}

/* Without a limit that of version 1 is more than there can be. */
static bool read_limit(const char *directory, const char *file, struct memory_limit *limit)
{
	const char *use = begins_with(file, "pids.") ? "pids.current" : "memory.current";

	limit->file = file;
	if (!read_number(directory, file, &limit->bytes)) {
		limit->file = "memory.limit_in_bytes";
		use = "memory.usage_in_bytes";
		if (strcmp(file, "memory.max") ||
		    !read_number(directory, limit->file, &limit->bytes) ||
		    limit->bytes >= INT64_MAX / 2)
			return false;
	}
	limit->is_use_known = read_number(directory, use, &limit->used);
	return true;
}

void memory_limits_look_at(const char *directory, const char *mount, const char *file,
			   void (*look)(const struct memory_limit *limit, void *arg), void *arg)
{
	size_t root = strlen(mount);
	char *level = xstrdup(directory);

	while (strlen(level) > root) {
		struct memory_limit limit = { .cgroup = level + root };

		if (read_limit(level, file, &limit))
			look(&limit, arg);
		*strrchr(level, '/') = '\0';
	}
	free(level);
}

struct fullest {
	char *text;
	double share;
};

static char *use_text(const struct memory_limit *limit)
{
	char *most = format_bytes(limit->bytes), *used = format_bytes(limit->used);
	char *text = xasprintf("%s of %s is %s, of which %s are used",
			       limit->file, limit->cgroup, most, used);

	free(used);
	free(most);
	return text;
}

static void note_fullest(const struct memory_limit *limit, void *arg)
{
	struct fullest *fullest = arg;

	if (!limit->is_use_known ||
	    (fullest->text && limit->used <= fullest->share * limit->bytes))
		return;
	fullest->share = (double)limit->used / (limit->bytes ? limit->bytes : 1);
	free(fullest->text);
	fullest->text = use_text(limit);
}

char *cgroup_fullest(const char *directory, const char *mount, const char *file,
		     double *share)
{
	struct fullest fullest = { };

	memory_limits_look_at(directory, mount, file, note_fullest, &fullest);
	*share = fullest.share;
	return fullest.text;
}
