/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TENANT_H
#define L1TUNE_TENANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

/* How many bytes a path of a cgroup has at most, with its end. */
#define TENANT_MAX_PATH	4096

/* A cgroup and all below it, or a pattern of which each match is a tenant. */
struct tenant {
	uint64_t id;
	/* The path of its cgroup, or the pattern, as it was given: escape it to show it. */
	char *cgroup;
	bool is_pattern;
	/* For a pattern: how many cgroups match it now. */
	uint64_t matches;
	/* For a match: the id of its pattern, whose limits it has. */
	bool is_match;
	uint64_t pattern;
};

/* In the order of ids, which is that of their definition. */
struct tenants {
	struct tenant *v;
	size_t num;
};

/* Is the module one that has tenants? */
bool tenants_are_known(const struct env *env);

/*
 * 0, or -errno with *file, a copy, naming what could not be read. Without any, and of
 * a module that has none, it is empty. Free with tenants_free() in every case.
 */
int tenants_read(const struct env *env, struct tenants *tenants, char **file);
void tenants_free(struct tenants *tenants);

/*
 * By exact path or pattern, or by id; NULL if there is none. A defined tenant takes
 * precedence over a match of the same path.
 */
const struct tenant *tenants_find(const struct tenants *tenants, const char *cgroup);
const struct tenant *tenants_at(const struct tenants *tenants, uint64_t id);

#define TENANT_DEVICE_SIZE	32

/* "tenant-3", its name in the class. */
void tenant_device(uint64_t id, char device[TENANT_DEVICE_SIZE]);

/* Its directory to read from, or -errno. */
int tenant_open(const struct env *env, uint64_t id);

/* Is it the defined tenant of this path or pattern, and not a match? */
bool tenant_is_defined(const struct env *env, uint64_t id, const char *cgroup);

/* "tenant", "pattern" or "match". */
const char *tenant_kind(const struct tenant *tenant);

/* Does the module take this text as a pattern? */
bool tenant_is_pattern(const char *cgroup);

/*
 * Is a path the tenant's cgroup, or below it? For a pattern: a cgroup that it matches,
 * name by name, as in the module.
 */
bool tenant_covers(const char *cgroup, const char *path);
/* Is it that cgroup itself? */
bool tenant_is(const char *cgroup, const char *path);

#endif
