// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/cgroup.h"
#include "settings/tenant-define.h"

#define ADD	"l1/tenants/add"
#define REMOVE	"l1/tenants/remove"

/* As the module has it. */
#define MAX_COMPONENTS	16
#define MAX_BYTES	1023

#define CGROUP_ROOT	"/sys/fs/cgroup"

/* How long its device may take to appear, or to go. */
#define WAIT_US		10000
#define MAX_WAITS	100

static const char *check_component(const char *start, size_t len)
{
	if (!len)
		return "two slashes follow each other";
	if (*start == '.' && (len == 1 || (len == 2 && start[1] == '.')))
		return "a path of a cgroup has no . and no ..";
	return NULL;
}

char *tenant_parse(const char *text, const char **wrong)
{
	size_t len = strlen(text), components = 0;
	const char *at;

	*wrong = NULL;
	if (*text != '/')
		*wrong = "a tenant is a path or pattern from the root of the cgroup tree, such as /machine.slice";
	else if (begins_with(text, CGROUP_ROOT "/") || !strcmp(text, CGROUP_ROOT))
		*wrong = "leave " CGROUP_ROOT " out: the path begins at the root of the cgroup tree";
	else if (strchr(text, '\n'))
		*wrong = "no cgroup has a newline in its path";
	while (len > 1 && text[len - 1] == '/')
		len--;
	for (at = text + 1; !*wrong && len > 1 && at <= text + len; components++) {
		size_t part = strcspn(at, "/");

		*wrong = check_component(at, part);
		at += part + 1;
	}
	if (!*wrong && components > MAX_COMPONENTS)
		*wrong = "a tenant is at most 16 levels below the root";
	if (!*wrong && len > MAX_BYTES)
		*wrong = "a path or pattern has at most 1023 bytes";
	return *wrong ? NULL : xmemdup0(text, len);
}

int tenants_check_module(const struct env *env)
{
	if (tenants_are_known(env))
		return STATUS_OK;
	complain("the loaded module has no tenants: " LOAD_OURS);
	return STATUS_FAILED;
}

int tenants_check_cgroups(const struct env *env)
{
	const char *why = cgroup_why_no_v2(env);

	if (!why)
		return STATUS_OK;
	complain("limits of tenants are not supported here, because they need cgroup version 2: %s; start this machine with systemd.unified_cgroup_hierarchy=1 on the kernel's command line",
		 why);
	return STATUS_FAILED;
}

int tenants_load(const struct env *env, struct tenants *tenants)
{
	char *file;
	int err = tenants_read(env, tenants, &file), status;

	status = err ? env_complain(env, file, err) : STATUS_OK;
	free(file);
	return status;
}

static int complain_write(const struct env *env, const char *where, const char *file,
			  const char *cgroup, int err)
{
	switch (err) {
	case -ENOENT:
		if (!tenants_are_known(env))
			return tenants_check_module(env);
		complain("%sthere is no tenant %s", where, cgroup);
		return STATUS_NO_GUEST;
	case -EINVAL:
		complain("%sthe module does not take %s as a path or pattern of cgroups", where, cgroup);
		return STATUS_FAILED;
	case -ENAMETOOLONG:
		complain("%s%s is too long, or too deep, for a tenant", where, cgroup);
		return STATUS_FAILED;
	case -ENOSPC:
		complain("%stoo many tenants for %s: at most 64 patterns and 4096 tenants; remove one first",
			 where, cgroup);
		return STATUS_FAILED;
	case -EOPNOTSUPP:
		complain("%stenants are not supported here: this kernel has no cgroups (CONFIG_CGROUPS)",
			 where);
		return STATUS_FAILED;
	case -EACCES:
	case -EPERM:
		complain("%s%s/class/l1tune/%s: %s: needs CAP_SYS_ADMIN in the initial user namespace",
			 where, env->sysfs, file, strerror(-err));
		return STATUS_NOT_PERMITTED;
	case -EROFS:
		complain("%s%s is mounted read-only, as in a container: set it on the host", where,
			 env->sysfs);
		return STATUS_NOT_PERMITTED;
	default:
		complain("%s%s/class/l1tune/%s: %s: %s", where, env->sysfs, file, cgroup,
			 strerror(-err));
		return STATUS_FAILED;
	}
}

/* The one that is defined counts, and no match of the same path. */
static bool look_up(const struct env *env, const char *cgroup, uint64_t *id, int *status)
{
	const struct tenant *found;
	struct tenants tenants;
	bool is_there;

	*status = tenants_load(env, &tenants);
	found = tenants_find(&tenants, cgroup);
	is_there = found && !found->is_match;
	if (is_there)
		*id = found->id;
	tenants_free(&tenants);
	return is_there;
}

static int complain_unseen(const struct env *env, const char *where, const char *cgroup,
			   const char *what)
{
	complain("%stenant %s was %s, and %s/class/l1tune does not show it: see dmesg", where,
		 cgroup, what, env->sysfs);
	return STATUS_FAILED;
}

static int wait_until_defined(const struct env *env, const char *where, const char *cgroup,
			      uint64_t *id)
{
	uint64_t likely = *id;
	int waits, status = STATUS_OK;

	for (waits = 0; waits <= MAX_WAITS && status == STATUS_OK; waits++) {
		if (waits)
			usleep(WAIT_US);
		if (likely && tenant_is_defined(env, likely, cgroup))
			return STATUS_OK;
		if ((waits || !likely) && look_up(env, cgroup, id, &status))
			return STATUS_OK;
	}
	return status == STATUS_OK ? complain_unseen(env, where, cgroup, "defined") : status;
}

int tenant_define(const struct env *env, const char *where, const char *cgroup, uint64_t *id)
{
	int err = sysfs_write(env->class_fd, ADD, cgroup), status;

	/* Somebody else may have defined it a moment ago. */
	if (err && err != -EEXIST)
		return complain_write(env, where, ADD, cgroup, err);
	status = wait_until_defined(env, where, cgroup, id);
	/* Without its files it can have no limit. */
	if (status != STATUS_OK && !err)
		sysfs_write(env->class_fd, REMOVE, cgroup);
	return status;
}

int tenant_remove(const struct env *env, const char *cgroup, uint64_t id)
{
	int err = sysfs_write(env->class_fd, REMOVE, cgroup), waits = MAX_WAITS;

	if (err)
		return complain_write(env, "", REMOVE, cgroup, err);
	while (tenant_is_defined(env, id, cgroup) && waits--)
		usleep(WAIT_US);
	return waits < 0 ? complain_unseen(env, "", cgroup, "removed") : STATUS_OK;
}
