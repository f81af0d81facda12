// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/util.h"
#include "model/tmpfs.h"

#define MAX_MOUNTINFO	(1 << 20)

static bool is_below(const char *path, const char *mount)
{
	size_t len = strlen(mount);

	return !strncmp(path, mount, len) && (path[len] == '/' || !strcmp(mount, "/"));
}

/* "rw,size=8G,huge=always,inode64" */
static void parse_options(const char *options, struct tmpfs *tmpfs)
{
	static const char key[] = "huge=";
	const char *s = strstr(options, key);

	s = s ? s + strlen(key) : "never";
	snprintf(tmpfs->huge, sizeof(tmpfs->huge), "%.*s", (int)strcspn(s, ","), s);
}

/* "36 35 0:30 / /dev/shm rw,nosuid shared:4 - tmpfs tmpfs rw,inode64": later mounts cover. */
static void parse_line(const char *line, const char *path, struct tmpfs *tmpfs)
{
	const char *rest = strstr(line, " - ");
	char mount[sizeof(tmpfs->mount)], type[16], options[256];

	if (!rest || sscanf(line, "%*s %*s %*s %*s %255s", mount) != 1 ||
	    sscanf(rest, " - %15s %*s %255s", type, options) != 2 || !is_below(path, mount) ||
	    strlen(mount) < strlen(tmpfs->mount))
		return;
	strcpy(tmpfs->mount, mount);
	*tmpfs->huge = '\0';
	if (!strcmp(type, "tmpfs"))
		parse_options(options, tmpfs);
}

/* NULL with errno set if it cannot be read. */
static char *read_mounts(const struct env *env, uint64_t pid)
{
	char *file = xasprintf("%llu/mountinfo", (unsigned long long)pid);
	size_t len;
	char *text = file_read(env->proc_fd, file, MAX_MOUNTINFO, &len);
	int err = errno;

	free(file);
	errno = err;
	return text;
}

int tmpfs_read(const struct env *env, uint64_t pid, const char *path, struct tmpfs *tmpfs)
{
	char *text = read_mounts(env, pid), *line, *save = NULL;
	int err = text ? 0 : -errno;

	*tmpfs = (struct tmpfs){ };
	for (line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		parse_line(line, path, tmpfs);
	free(text);
	return err ? err : *tmpfs->huge ? 0 : -ENOENT;
}

static uint64_t number_of(unsigned int major, unsigned int minor)
{
	return (uint64_t)major << 32 | minor;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void add_device(const char *line, struct tmpfs_devices *devices)
{
	const char *rest = strstr(line, " - ");
	unsigned int major, minor;

	if (rest && begins_with(rest, " - tmpfs ") &&
	    sscanf(line, "%*s %*s %u:%u", &major, &minor) == 2)
		*GROW(devices->v, devices->num) = number_of(major, minor);
}

void tmpfs_devices_read(const struct env *env, uint64_t pid, struct tmpfs_devices *devices)
{
	char *text = read_mounts(env, pid), *line, *save = NULL;

	*devices = (struct tmpfs_devices){ };
	for (line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		add_device(line, devices);
	if (devices->num)
		qsort(devices->v, devices->num, sizeof(*devices->v), compare);
	free(text);
}

bool tmpfs_devices_have(const struct tmpfs_devices *devices, unsigned int major,
			unsigned int minor)
{
	uint64_t number = number_of(major, minor);

	return devices->num &&
	       bsearch(&number, devices->v, devices->num, sizeof(number), compare);
}

void tmpfs_devices_free(struct tmpfs_devices *devices)
{
	free(devices->v);
}
