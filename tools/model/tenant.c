// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "model/guest.h"
#include "model/tenant.h"

#define PREFIX	"tenant-"

bool tenants_are_known(const struct env *env)
{
	return !faccessat(env->class_fd, "l1/tenants", F_OK, 0);
}

void tenant_device(uint64_t id, char device[TENANT_DEVICE_SIZE])
{
	snprintf(device, TENANT_DEVICE_SIZE, PREFIX "%llu", (unsigned long long)id);
}

int tenant_open(const struct env *env, uint64_t id)
{
	char device[TENANT_DEVICE_SIZE];

	tenant_device(id, device);
	return sysfs_open_dir(env->class_fd, device);
}

bool tenant_is_defined(const struct env *env, uint64_t id, const char *cgroup)
{
	char path[TENANT_MAX_PATH + 1], pattern[32];
	int fd = tenant_open(env, id);
	bool is_defined;

	if (fd < 0)
		return false;
	is_defined = sysfs_read(fd, "cgroup", path, sizeof(path)) >= 0 && !strcmp(path, cgroup) &&
		     sysfs_is_gone(sysfs_read(fd, "pattern", pattern, sizeof(pattern)));
	close(fd);
	return is_defined;
}

static int compare_ids(const void *a, const void *b)
{
	const struct tenant *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* 0, or -errno with *file naming what could not be read. */
static int read_one(int fd, struct tenant *tenant, const char **file)
{
	char path[TENANT_MAX_PATH + 1], pattern[32];
	int err = sysfs_read(fd, *file = "cgroup", path, sizeof(path));

	if (err < 0)
		return err;
	tenant->cgroup = xstrdup(path);
	err = sysfs_read_u64(fd, *file = "matches", &tenant->matches);
	tenant->is_pattern = !err;
	if (err && !sysfs_is_gone(err))
		return err;
	err = sysfs_read(fd, *file = "pattern", pattern, sizeof(pattern));
	if (err >= 0 && guest_parse_id(pattern, PREFIX, &tenant->pattern))
		return -EBADMSG;
	tenant->is_match = err >= 0;
	/* ENODEV: it has limits of its own since a moment ago. */
	if (err < 0 && !sysfs_is_gone(err))
		return err;
	/* The files of a tenant that was removed meanwhile are missing too. */
	return faccessat(fd, *file = "cgroup", F_OK, 0) ? -errno : 0;
}

static int add(struct tenants *tenants, const struct env *env, uint64_t id, char **path)
{
	struct tenant tenant = { .id = id };
	int fd = tenant_open(env, id), err = fd;
	const char *file = "";

	if (fd >= 0) {
		err = read_one(fd, &tenant, &file);
		close(fd);
	}
	if (!err) {
		*GROW(tenants->v, tenants->num) = tenant;
		return 0;
	}
	free(tenant.cgroup);
	/* It was removed, or forgotten. */
	if (sysfs_is_gone(err))
		return 0;
	*path = xasprintf(PREFIX "%llu/%s", (unsigned long long)id, file);
	return err;
}

int tenants_read(const struct env *env, struct tenants *tenants, char **file)
{
	DIR *dir = sysfs_list_dir(env->class_fd, ".");
	struct dirent *entry;
	uint64_t id;
	int err = 0;

	*tenants = (struct tenants){ };
	*file = NULL;
	if (!dir) {
		err = -errno;
		*file = xstrdup("");
		return err;
	}
	while (!err && (entry = readdir(dir)))
		if (!guest_parse_id(entry->d_name, PREFIX, &id))
			err = add(tenants, env, id, file);
	closedir(dir);
	if (tenants->num)
		qsort(tenants->v, tenants->num, sizeof(*tenants->v), compare_ids);
	return err;
}

void tenants_free(struct tenants *tenants)
{
	size_t i;

	for (i = 0; i < tenants->num; i++)
		free(tenants->v[i].cgroup);
	free(tenants->v);
	*tenants = (struct tenants){ };
}

const struct tenant *tenants_find(const struct tenants *tenants, const char *cgroup)
{
	const struct tenant *found = NULL;
	size_t i;

	for (i = 0; i < tenants->num; i++)
		if (!strcmp(tenants->v[i].cgroup, cgroup) && (!found || found->is_match))
			found = &tenants->v[i];
	return found;
}

const struct tenant *tenants_at(const struct tenants *tenants, uint64_t id)
{
	size_t i;

	for (i = 0; i < tenants->num; i++)
		if (tenants->v[i].id == id)
			return &tenants->v[i];
	return NULL;
}

const char *tenant_kind(const struct tenant *tenant)
{
	return tenant->is_pattern ? "pattern" : tenant->is_match ? "match" : "tenant";
}

bool tenant_is_pattern(const char *cgroup)
{
	return strpbrk(cgroup, "*?[");
}

/* Does the next name of a path match that of a pattern? Moves both past it. */
static bool take_name(const char **path, const char **wanted)
{
	size_t len = strcspn(*path, "/"), wanted_len = strcspn(*wanted, "/");
	char *name = xmemdup0(*path, len), *pattern = xmemdup0(*wanted, wanted_len);
	bool matches = !fnmatch(pattern, name, 0);

	*path += len + !!(*path)[len];
	*wanted += wanted_len + !!(*wanted)[wanted_len];
	free(pattern);
	free(name);
	return matches;
}

/* The rest of a path below a tenant's cgroup or a match of its pattern; NULL if outside. */
static const char *behind(const char *cgroup, const char *path)
{
	size_t len = strlen(cgroup);

	if (!tenant_is_pattern(cgroup)) {
		while (len && cgroup[len - 1] == '/')
			len--;
		if (strncmp(cgroup, path, len) || (path[len] && path[len] != '/'))
			return NULL;
		return path + len + !!path[len];
	}
	path++;
	cgroup++;
	while (*cgroup)
		if (!*path || !take_name(&path, &cgroup))
			return NULL;
	return path;
}

bool tenant_covers(const char *cgroup, const char *path)
{
	return behind(cgroup, path);
}

bool tenant_is(const char *cgroup, const char *path)
{
	const char *below = behind(cgroup, path);

	return below && !*below;
}
