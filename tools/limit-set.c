// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"
#include "limit-set.h"
#include "limit-value.h"
#include "sysfs.h"
#include "util.h"

#define AUDIT	"audit."

bool assignment_is(const char *text)
{
	/* Names of guests may hold one. */
	return strchr(text, '=') && strncmp(text, "name:", strlen("name:")) &&
	       strncmp(text, "cgroup:", strlen("cgroup:"));
}

const struct limit_kind *assignment_name(const char *name, bool *is_audit)
{
	*is_audit = !strncmp(name, AUDIT, strlen(AUDIT));
	return limit_find(name + (*is_audit ? strlen(AUDIT) : 0));
}

/* "max_vms, max_vms_per_user, …" */
static char *list_names(void)
{
	char *list = xstrdup(limit_kinds[0].name), *longer;
	size_t i;

	for (i = 1; i < NUM_LIMITS; i++) {
		longer = xasprintf("%s, %s", list, limit_kinds[i].name);
		free(list);
		list = longer;
	}
	return list;
}

static void complain_unknown(const char *name, bool is_audit)
{
	const char *rest = name + (is_audit ? strlen(AUDIT) : 0);
	const struct limit_kind *nearest = limit_nearest(rest);
	char *shown = escape_for_terminal(name), *list;

	if (!*rest) {
		complain("a name is missing before '=': NAME=VALUE, without spaces");
	} else if (nearest) {
		complain("there is no limit '%s': did you mean %s%s?", shown,
			 is_audit ? AUDIT : "", nearest->name);
	} else {
		list = list_names();
		complain("there is no limit '%s': there are %s (a guest whose name has a '=' is named name:NAME)",
			 shown, list);
		free(list);
	}
	free(shown);
}

/* Of a guest only the pace can be set, and default says to follow this one's. */
static const char *parse(struct assignment *assignment, const char *value,
			 bool for_guest)
{
	if (for_guest && (assignment->is_audit ||
			  assignment->kind != limit_of_guests))
		return "one guest has no such limit of its own, only max_exits_per_sec; without a guest it is set for all";
	assignment->is_default = !strcmp(value, "default");
	if (assignment->is_default)
		return for_guest ? NULL :
		       "default is for single guests: max is no limit";
	return limit_parse_value(assignment->kind, value, &assignment->value);
}

static const char *check(const struct assignments *assignments,
			 struct assignment *assignment, const char *value,
			 bool for_guest)
{
	size_t i;

	for (i = 0; i < assignments->num; i++)
		if (assignments->v[i].kind == assignment->kind &&
		    assignments->v[i].is_audit == assignment->is_audit)
			return "it is set twice";
	return parse(assignment, value, for_guest);
}

int assignment_add(struct assignments *assignments, const char *text,
		   bool for_guest)
{
	const char *value = strchr(text, '=') + 1, *wrong;
	char *name = xmemdup0(text, value - text - 1), *shown;
	struct assignment assignment = { };

	assignment.kind = assignment_name(name, &assignment.is_audit);
	if (!assignment.kind)
		complain_unknown(name, assignment.is_audit);
	free(name);
	if (!assignment.kind)
		return STATUS_USAGE;
	wrong = check(assignments, &assignment, value, for_guest);
	if (wrong) {
		shown = escape_for_terminal(text);
		complain("%s: %s", shown, wrong);
		free(shown);
		return STATUS_USAGE;
	}
	*GROW(assignments->v, assignments->num) = assignment;
	return STATUS_OK;
}

void assignments_free(struct assignments *assignments)
{
	free(assignments->v);
	*assignments = (struct assignments){ };
}

/* The file behind an assignment, and what it had and gets. */
struct change {
	char path[96];
	char before[32];
	char *after;
};

static struct change *plan(const struct assignments *assignments,
			   const struct guest *guest)
{
	struct change *changes = xcalloc(assignments->num, sizeof(*changes));
	char dir[32] = "l1";
	size_t i;

	if (guest)
		snprintf(dir, sizeof(dir), "l2-%llu",
			 (unsigned long long)guest->id);
	for (i = 0; i < assignments->num; i++) {
		const struct assignment *a = &assignments->v[i];

		snprintf(changes[i].path, sizeof(changes[i].path), "%s/%s/%s",
			 dir, a->is_audit ? "audit" : "limits", a->kind->name);
		changes[i].after = a->is_default ? xstrdup("default") :
				   limit_value_text(a->value);
	}
	return changes;
}

/* Is it the file that is not there, or the guest, or all? */
static int complain_gone(const struct env *env, const struct change *change)
{
	char *device = xmemdup0(change->path, strcspn(change->path, "/"));
	bool is_there = !faccessat(env->class_fd, device, F_OK, 0);
	bool is_guest = strcmp(device, "l1");

	free(device);
	if (is_there) {
		complain("the module that is loaded has no %s/class/l1tune/%s: load the one that came with this l1tune",
			 env->sysfs, change->path);
		return STATUS_FAILED;
	}
	if (!is_guest)
		return env_complain(env, change->path, -ENOENT);
	complain("the guest is not there any more: no %s/class/l1tune/%s",
		 env->sysfs, change->path);
	return STATUS_NO_GUEST;
}

static int complain_write(const struct env *env, const struct change *change,
			  int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		complain("%s/class/l1tune/%s: %s: limits are set by root with CAP_SYS_ADMIN, and not from a user namespace",
			 env->sysfs, change->path, strerror(-err));
		return STATUS_NOT_PERMITTED;
	case -EROFS:
		complain("%s is mounted read-only, as in a container: set limits on the host",
			 env->sysfs);
		return STATUS_NOT_PERMITTED;
	case -ERANGE:
		complain("%s/class/l1tune/%s: %s is too large for it",
			 env->sysfs, change->path, change->after);
		return STATUS_FAILED;
	case -EINVAL:
		complain("%s/class/l1tune/%s: the module does not take %s",
			 env->sysfs, change->path, change->after);
		return STATUS_FAILED;
	}
	if (sysfs_is_gone(err))
		return complain_gone(env, change);
	return env_complain(env, change->path, err);
}

/* What cannot be given back is named, for it stays. */
static void restore(const struct env *env, const struct change *changes,
		    size_t num)
{
	size_t num_restored = 0, i;

	for (i = num; i--; ) {
		int err = sysfs_write(env->class_fd, changes[i].path,
				      changes[i].before);

		num_restored += !err;
		if (err)
			complain("%s/class/l1tune/%s stays at %s and cannot be set back to %s: %s",
				 env->sysfs, changes[i].path, changes[i].after,
				 changes[i].before, strerror(-err));
	}
	if (num_restored == num)
		complain(num ? "nothing was changed: what was set before it has been set back" :
			       "nothing was changed");
}

static int apply(const struct env *env, struct change *changes, size_t num)
{
	size_t i;
	int err;

	for (i = 0; i < num; i++) {
		err = sysfs_read(env->class_fd, changes[i].path,
				 changes[i].before, sizeof(changes[i].before));
		if (err < 0)
			return complain_write(env, &changes[i], err);
	}
	for (i = 0; i < num; i++) {
		int status;

		err = sysfs_write(env->class_fd, changes[i].path,
				  changes[i].after);
		if (!err)
			continue;
		status = complain_write(env, &changes[i], err);
		restore(env, changes, i);
		return status;
	}
	return STATUS_OK;
}

int assignments_apply(const struct assignments *assignments,
		      const struct env *env, const struct guest *guest)
{
	struct change *changes = plan(assignments, guest);
	int status = apply(env, changes, assignments->num);
	size_t i;

	for (i = 0; i < assignments->num; i++)
		free(changes[i].after);
	free(changes);
	return status;
}
