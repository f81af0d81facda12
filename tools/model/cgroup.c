// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/util.h"
#include "model/cgroup.h"

#define MAX_MOUNTINFO	(1 << 20)
#define MAX_STAT	4096

/* The first cgroup namespace; a constant of the kernel, PROC_CGROUP_INIT_INO. */
#define INITIAL_CGROUP_NS	0xEFFFFFFBU

/* Is a word in a list with commas? */
static bool has_word(const char *list, size_t len, const char *word)
{
	const char *end = list + len;

	while (list < end) {
		const char *comma = memchr(list, ',', end - list);
		size_t n = (comma ? comma : end) - list;

		if (n == strlen(word) && !strncmp(list, word, n))
			return true;
		list += n + 1;
	}
	return false;
}

/* "36 35 0:30 ROOT MOUNT_POINT OPTIONS … - TYPE SOURCE SUPER_OPTIONS" */
static void add_mount(char *line, struct cgroup_mounts *mounts)
{
	char *words[6], *type, *source, *options, *save = NULL, *rest;
	char **place;
	int i;

	rest = strstr(line, " - ");
	if (!rest)
		return;
	*rest = '\0';
	for (i = 0; i < 6; i++)
		if (!(words[i] = strtok_r(i ? NULL : line, " ", &save)))
			return;
	type = strtok_r(rest + 3, " ", &save);
	source = strtok_r(NULL, " ", &save);
	options = strtok_r(NULL, " ", &save);
	if (!type || !source || !options)
		return;
	if (!strcmp(type, "cgroup2"))
		place = &mounts->v2;
	else if (!strcmp(type, "cgroup") &&
		 has_word(options, strlen(options), "cpu"))
		place = &mounts->v1_cpu;
	else
		return;
	/* A part of the hierarchy has not what is above; \ stands for a blank. */
	if (!*place && !strcmp(words[3], "/") && !strchr(words[4], '\\'))
		*place = xstrdup(words[4]);
}

/* Paths in /proc/PID/cgroup begin at the root of the namespace of who reads. */
static bool is_in_initial_namespace(const struct env *env)
{
	struct stat stat;

	return fstatat(env->proc_fd, "self/ns/cgroup", &stat, 0) ||
	       stat.st_ino == INITIAL_CGROUP_NS;
}

void cgroup_mounts_read(const struct env *env, struct cgroup_mounts *mounts)
{
	char *text, *line, *save = NULL;
	size_t len;

	*mounts = (struct cgroup_mounts){ };
	if (!is_in_initial_namespace(env))
		return;
	text = file_read(env->proc_fd, "self/mountinfo", MAX_MOUNTINFO, &len);
	if (!text)
		return;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		add_mount(line, mounts);
	free(text);
}

void cgroup_mounts_free(struct cgroup_mounts *mounts)
{
	free(mounts->v1_cpu);
	free(mounts->v2);
	*mounts = (struct cgroup_mounts){ };
}

/* The path of the line "ID:CONTROLLERS:PATH" of one hierarchy; a copy, or NULL. */
static char *find_path(const char *text, bool is_v1)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *list = memchr(text, ':', len);
		const char *path = list ? memchr(list + 1, ':',
						 text + len - list - 1) : NULL;

		if (path && (is_v1 ? has_word(list + 1, path - list - 1, "cpu") :
				     path == list + 1))
			return xmemdup0(path + 1, text + len - path - 1);
		text += len + !!text[len];
	}
	return NULL;
}

/* The controller is in version 1 if that has a hierarchy with it. */
char *cgroup_cpu_directory(const struct cgroup_mounts *mounts, const char *text,
			   const char **mount)
{
	char *path = find_path(text, true), *directory = NULL;

	*mount = path ? mounts->v1_cpu : mounts->v2;
	if (!path)
		path = find_path(text, false);
	/* One that is outside of what is seen from here begins with "/..". */
	if (*mount && path && *path == '/' && !strstr(path, "/.."))
		directory = xasprintf("%s%s", *mount, strcmp(path, "/") ? path : "");
	free(path);
	return directory;
}

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
			if (!strncmp(line, keys[i].key, strlen(keys[i].key)))
				return strtoull(line + strlen(keys[i].key),
						NULL, 10) * keys[i].ns;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	/* The controller is not enabled here: there is no quota. */
	return 0;
}

int cgroup_throttled_ns(const char *directory, const char *mount, uint64_t *ns)
{
	size_t root = strlen(mount), len;
	char *level = xstrdup(directory), *slash;
	int err = 0;

	*ns = 0;
	/* The root of a hierarchy has no quota. */
	while (!err && strlen(level) > root) {
		char *file = xasprintf("%s/cpu.stat", level);
		char *stat = file_read(AT_FDCWD, file, MAX_STAT, &len);

		if (stat)
			*ns = add_saturated(*ns, parse_throttled(stat));
		else
			err = -errno;
		free(stat);
		free(file);
		slash = strrchr(level, '/');
		*slash = '\0';
	}
	free(level);
	return err;
}

/* CPUs that a directory's own quota allows; 0 if it has none. */
static double read_quota(const char *directory, const char **file)
{
	static const char *const files[] = { "cpu.max", "cpu.cfs_quota_us" };
	double quota = 0, period = 100000;
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		char *path = xasprintf("%s/%s", directory, files[i]);
		char *text = file_read(AT_FDCWD, path, MAX_STAT, &len);

		free(path);
		/* "max 100000" is none, and so is -1. */
		if (text && sscanf(text, "%lf %lf", &quota, &period) >= 1)
			*file = files[i];
		free(text);
	}
	if (*file && !strcmp(*file, files[1])) {
		char *path = xasprintf("%s/cpu.cfs_period_us", directory);
		char *text = file_read(AT_FDCWD, path, MAX_STAT, &len);

		if (text)
			period = strtod(text, NULL);
		free(text);
		free(path);
	}
	return quota > 0 && period > 0 ? quota / period : 0;
}

char *cgroup_tightest_quota(const char *directory, const char *mount)
{
	size_t root = strlen(mount);
	char *level = xstrdup(directory), *text = NULL;
	double least = 0;

	while (strlen(level) > root) {
		const char *file = NULL;
		double cpus = read_quota(level, &file);

		if (cpus && (!least || cpus < least)) {
			least = cpus;
			free(text);
			text = xasprintf("%s of %s is %.2f CPUs", file,
					 level + root, cpus);
		}
		*strrchr(level, '/') = '\0';
	}
	free(level);
	return text;
}
