// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

static const char *const v1_controllers[NUM_V1_CONTROLLERS] = {
	[V1_CPU] = "cpu", [V1_FREEZER] = "freezer", [V1_MEMORY] = "memory",
};

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
	char **place = NULL;
	size_t i;

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
	for (i = 0; !place && !strcmp(type, "cgroup") && i < ARRAY_SIZE(v1_controllers); i++)
		if (has_word(options, strlen(options), v1_controllers[i]))
			place = &mounts->v1[i];
	/* A mount of a part of the hierarchy lacks the levels above; \ begins an escaped blank. */
	if (place && !*place && !strcmp(words[3], "/") && !strchr(words[4], '\\'))
		*place = xstrdup(words[4]);
}

/* Paths in /proc/PID/cgroup begin at the root of the reader's cgroup namespace. */
static bool is_in_initial_namespace(const struct env *env)
{
	struct stat stat;

	return fstatat(env->proc_fd, "self/ns/cgroup", &stat, 0) ||
	       stat.st_ino == INITIAL_CGROUP_NS;
}

static bool have_changed(const struct cgroup_mounts *mounts)
{
	struct pollfd watch = { .fd = mounts->watch_fd, .events = POLLPRI };

	return poll(&watch, 1, 0) != 0;
}

void cgroup_mounts_update(const struct env *env, struct cgroup_mounts *mounts)
{
	char *text, *line, *save = NULL;
	size_t len;

	if (mounts->is_watched && !have_changed(mounts))
		return;
	cgroup_mounts_free(mounts);
	if (!is_in_initial_namespace(env))
		return;
	/* First, so that what changes from now on is seen. */
	mounts->watch_fd = openat(env->proc_fd, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	mounts->is_watched = mounts->watch_fd >= 0;
	text = mounts->is_watched ?
	       file_read(env->proc_fd, "self/mountinfo", MAX_MOUNTINFO, &len) : NULL;
	if (!text)
		return;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		add_mount(line, mounts);
	free(text);
}

void cgroup_mounts_free(struct cgroup_mounts *mounts)
{
	size_t i;

	if (mounts->is_watched)
		close(mounts->watch_fd);
	for (i = 0; i < NUM_V1_CONTROLLERS; i++)
		free(mounts->v1[i]);
	free(mounts->v2);
	*mounts = (struct cgroup_mounts){ };
}

/*
 * The path of the line "ID:CONTROLLERS:PATH" of the hierarchy of version 1 with a
 * controller, or without one of version 2; a copy, or NULL.
 */
static char *find_path(const char *text, const char *controller)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *list = memchr(text, ':', len);
		const char *path = list ? memchr(list + 1, ':',
						 text + len - list - 1) : NULL;

		if (path && (controller ?
			     has_word(list + 1, path - list - 1, controller) :
			     path == list + 1))
			return xmemdup0(path + 1, text + len - path - 1);
		text += len + !!text[len];
	}
	return NULL;
}

const char *cgroup_why_no_v2(const struct env *env)
{
	char *cgroup, *mounts, *path;
	const char *why = NULL;
	size_t len;

	cgroup = file_read(env->proc_fd, "self/cgroup", MAX_MOUNTINFO, &len);
	mounts = file_read(env->proc_fd, "self/mountinfo", MAX_MOUNTINFO, &len);
	path = cgroup ? find_path(cgroup, NULL) : NULL;
	if (!path)
		why = cgroup ? "this machine has cgroup version 1 only" :
			       "this kernel has no cgroups";
	else if (mounts && !strstr(mounts, " - cgroup2 "))
		why = "cgroup version 2 is not mounted";
	free(path);
	free(mounts);
	free(cgroup);
	return why;
}

/* NULL for one outside of what is seen from here, whose path begins with "/..". */
static char *directory_of(const char *mount, const char *path)
{
	if (!mount || !path || *path != '/' || strstr(path, "/.."))
		return NULL;
	return xasprintf("%s%s", mount, strcmp(path, "/") ? path : "");
}

/* The controller is in version 1 if that has a hierarchy with it. */
static char *find_directory(const struct cgroup_mounts *mounts, const char *text,
			    enum v1_controller controller, const char **mount)
{
	char *path = find_path(text, v1_controllers[controller]), *directory;

	*mount = path ? mounts->v1[controller] : mounts->v2;
	if (!path)
		path = find_path(text, NULL);
	directory = directory_of(*mount, path);
	free(path);
	return directory;
}

char *cgroup_cpu_directory(const struct cgroup_mounts *mounts, const char *text,
			   const char **mount)
{
	return find_directory(mounts, text, V1_CPU, mount);
}

char *cgroup_memory_directory(const struct cgroup_mounts *mounts, const char *text,
			      const char **mount)
{
	return find_directory(mounts, text, V1_MEMORY, mount);
}

bool cgroup_memory_is_v1(const char *text)
{
	char *path = find_path(text, v1_controllers[V1_MEMORY]);
	bool is_v1 = path;

	free(path);
	return is_v1;
}

bool cgroup_is_cpu_root(const struct env *env, const char *text)
{
	char *path = find_path(text, "cpu");
	bool is_root;

	if (!path)
		path = find_path(text, NULL);
	/* Without a hierarchy that is mounted, or ever was, the file names none. */
	is_root = !path || (!strcmp(path, "/") && is_in_initial_namespace(env));
	free(path);
	return is_root;
}

char *cgroup_v2_path(const char *text)
{
	return find_path(text, NULL);
}

char *cgroup_v2_directory(const struct cgroup_mounts *mounts, const char *text)
{
	char *path = find_path(text, NULL);
	char *directory = directory_of(mounts->v2, path);

	free(path);
	return directory;
}

/* Has a cgroup's file that line? */
static bool has_line(const char *mount, char *path, const char *name,
		     const char *line)
{
	char *directory = directory_of(mount, path), *file, *text, *save = NULL;
	char *word = NULL;
	size_t len;

	free(path);
	if (!directory)
		return false;
	file = xasprintf("%s/%s", directory, name);
	text = file_read(AT_FDCWD, file, MAX_STAT, &len);
	if (text)
		word = strtok_r(text, "\n", &save);
	while (word && strcmp(word, line))
		word = strtok_r(NULL, "\n", &save);
	free(text);
	free(file);
	free(directory);
	return word;
}

/* Both files say so as well where it is a cgroup above that was frozen. */
bool cgroup_is_frozen(const struct cgroup_mounts *mounts, const char *text)
{
	return has_line(mounts->v2, find_path(text, NULL), "cgroup.events",
			"frozen 1") ||
	       has_line(mounts->v1[V1_FREEZER], find_path(text, "freezer"),
			"freezer.state", "FROZEN");
}

/* CPUs that a directory's own quota allows, in each period; 0 if it has none. */
static double read_quota(const char *directory, const char **file,
			 double *period_us)
{
	static const char *const files[] = { "cpu.max", "cpu.cfs_quota_us" };
	double quota = 0, period = 100000;
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		char *path = xasprintf("%s/%s", directory, files[i]);
		char *text = file_read(AT_FDCWD, path, MAX_STAT, &len);

		free(path);
		/* "max 100000" and -1 are no quota. */
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
	*period_us = period;
	return quota > 0 && period > 0 ? quota / period : 0;
}

char *cgroup_tightest_quota(const char *directory, const char *mount,
			    double *longest_us)
{
	size_t root = strlen(mount);
	char *level = xstrdup(directory), *text = NULL;
	double least = 0, period_us;

	*longest_us = 0;
	while (strlen(level) > root) {
		const char *file = NULL;
		double cpus = read_quota(level, &file, &period_us);

		if (cpus && period_us > *longest_us)
			*longest_us = period_us;
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

/* Of version 2 and of version 1. */
static const struct {
	const char *file;
	double usual;
} weights[] = { { "cpu.weight", 100 }, { "cpu.shares", 1024 } };

/* By what part of the default a directory's weight is less; 1 if it is not. */
static double read_weight(const char *directory, size_t i, double *weight)
{
	char *path = xasprintf("%s/%s", directory, weights[i].file);
	size_t len;
	char *text = file_read(AT_FDCWD, path, MAX_STAT, &len);

	*weight = text ? strtod(text, NULL) : 0;
	free(text);
	free(path);
	return *weight > 0 && *weight < weights[i].usual ? *weight / weights[i].usual : 1;
}

/* The kernel refuses a weight for it then, and gives it what all others leave. */
static bool is_idle(const char *directory)
{
	char *path = xasprintf("%s/cpu.idle", directory);
	size_t len;
	char *text = file_read(AT_FDCWD, path, MAX_STAT, &len);
	bool is = text && !strncmp(text, "1", 1);

	free(text);
	free(path);
	return is;
}

char *cgroup_least_weight(const char *directory, const char *mount)
{
	size_t root = strlen(mount), i;
	char *level = xstrdup(directory), *text = NULL;
	double least = 1, part, weight;

	while (strlen(level) > root) {
		if (is_idle(level)) {
			free(text);
			text = xasprintf("cpu.idle of %s is 1, by default it is 0", level + root);
			break;
		}
		for (i = 0; i < ARRAY_SIZE(weights); i++) {
			part = read_weight(level, i, &weight);
			if (part >= least)
				continue;
			least = part;
			free(text);
			text = xasprintf("%s of %s is %.0f, by default it is %.0f", weights[i].file,
					 level + root, weight, weights[i].usual);
		}
		*strrchr(level, '/') = '\0';
	}
	free(level);
	return text;
}
