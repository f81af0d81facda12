// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/util.h"
#include "settings/class-write.h"
#include "settings/limit-set.h"
#include "settings/limit-value.h"

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

static void explain_unknown(const char *name, bool is_audit,
			    struct error *error)
{
	const char *rest = name + (is_audit ? strlen(AUDIT) : 0);
	const struct limit_kind *nearest = limit_nearest(rest);
	char *list;

	if (!*rest) {
		error_set(error, "a name is missing before '=': NAME=VALUE, without spaces");
	} else if (nearest) {
		error_set(error, "there is no limit '%s': did you mean %s%s?", name,
			 is_audit ? AUDIT : "", nearest->name);
	} else {
		list = list_names();
		error_set(error, "there is no limit '%s': there are %s (a guest whose name has a '=' is named name:NAME)",
			  name, list);
		free(list);
	}
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
		   bool for_guest, struct error *error)
{
	const char *value = strchr(text, '=') + 1, *wrong;
	char *name = xmemdup0(text, value - text - 1);
	struct assignment assignment = { };

	assignment.kind = assignment_name(name, &assignment.is_audit);
	if (!assignment.kind)
		explain_unknown(name, assignment.is_audit, error);
	free(name);
	if (!assignment.kind)
		return STATUS_USAGE;
	wrong = check(assignments, &assignment, value, for_guest);
	if (wrong)
		return error_set(error, "%s: %s", text, wrong);
	*GROW(assignments->v, assignments->num) = assignment;
	return STATUS_OK;
}

void assignments_free(struct assignments *assignments)
{
	free(assignments->v);
	*assignments = (struct assignments){ };
}

static struct class_write *plan(const struct assignments *assignments,
				const struct guest *guest)
{
	struct class_write *writes = xcalloc(assignments->num, sizeof(*writes));
	char dir[32] = "l1";
	size_t i;

	if (guest)
		snprintf(dir, sizeof(dir), "l2-%llu",
			 (unsigned long long)guest->id);
	for (i = 0; i < assignments->num; i++) {
		const struct assignment *a = &assignments->v[i];

		snprintf(writes[i].path, sizeof(writes[i].path), "%s/%s/%s",
			 dir, a->is_audit ? "audit" : "limits", a->kind->name);
		writes[i].after = a->is_default ? xstrdup("default") :
				  limit_value_text(a->value);
	}
	return writes;
}

int assignments_apply(const struct assignments *assignments,
		      const struct env *env, const struct guest *guest)
{
	struct class_write *writes = plan(assignments, guest);
	int status = class_writes_apply(env, writes, assignments->num);

	class_writes_free(writes, assignments->num);
	return status;
}
