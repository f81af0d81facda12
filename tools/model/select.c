// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "model/select.h"
#include "model/tenant.h"

static const struct {
	const char *prefix;
	int kind;
	bool is_number;
} kinds[] = {
	{ "pid:", SELECT_PID, true },
	{ "uid:", SELECT_UID, true },
	{ "name:", SELECT_NAME_GLOB, false },
	{ "cgroup:", SELECT_CGROUP_GLOB, false },
	{ "tenant:", SELECT_TENANT, false },
};

int selector_parse(const char *text, struct selector *selector)
{
	size_t i;

	*selector = (struct selector){ .text = text, .pattern = text };
	if (!*text)
		return -EINVAL;
	if (!parse_u64(text, &selector->number) ||
	    !guest_parse_id(text, "l2-", &selector->number)) {
		selector->kind = SELECT_ID;
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, len))
			continue;
		selector->kind = kinds[i].kind;
		selector->pattern = text + len;
		if (kinds[i].is_number)
			return parse_u64(text + len, &selector->number);
		if (kinds[i].kind == SELECT_TENANT)
			return text[len] == '/' ? 0 : -EINVAL;
		return text[len] ? 0 : -EINVAL;
	}
	selector->kind = SELECT_NAME;
	return 0;
}

int selection_parse(char *const words[], int num, struct selection *selection,
		    struct error *error)
{
	int i;

	*selection = (struct selection){ };
	for (i = 0; i < num; i++) {
		if (!selector_parse(words[i], GROW(selection->v, selection->num)))
			continue;
		selection_free(selection);
		return error_set(error, "'%s' is not a guest: use 3, l2-3, pid:N, uid:N, name:GLOB, cgroup:GLOB, tenant:PATH or a name",
				 words[i]);
	}
	return STATUS_OK;
}

void selection_free(struct selection *selection)
{
	free(selection->v);
	*selection = (struct selection){ };
}

/* "NAME@INSTANCE", as tables show guests of one name. */
static bool has_full_name(const struct guest *guest, const char *text)
{
	size_t len = strlen(guest->name);

	return guest->instance && !strncmp(text, guest->name, len) &&
	       text[len] == '@' && !strcmp(text + len + 1, guest->instance);
}

bool selector_matches(const struct selector *selector,
		      const struct guest *guest)
{
	const char *cgroup;

	switch (selector->kind) {
	case SELECT_ID:
		return guest->id == selector->number;
	case SELECT_PID:
		return guest->pid == selector->number;
	case SELECT_UID:
		return guest->uid == selector->number;
	case SELECT_NAME:
		return !strcmp(guest->name, selector->pattern) ||
		       has_full_name(guest, selector->pattern);
	case SELECT_NAME_GLOB:
		return !fnmatch(selector->pattern, guest->name, 0);
	case SELECT_CGROUP_GLOB:
		return (guest->cgroup &&
			!fnmatch(selector->pattern, guest->cgroup, 0)) ||
		       (guest->vcpu_cgroup &&
			!fnmatch(selector->pattern, guest->vcpu_cgroup, 0));
	case SELECT_TENANT:
		cgroup = guest_charged_cgroup(guest);
		return cgroup && tenant_covers(selector->pattern, cgroup);
	}
	return false;
}

int selection_check(const struct selection *selection, const char *kind, const char *hint,
		    bool (*is_met)(const struct selector *selector, const void *guests),
		    const void *guests)
{
	int status = STATUS_OK;
	size_t i;

	for (i = 0; i < selection->num; i++) {
		if (is_met(&selection->v[i], guests))
			continue;
		complain("no %s matches '%s': %s", kind, selection->v[i].text, hint);
		status = STATUS_NO_GUEST;
	}
	return status;
}

bool selection_matches(const struct selection *selection,
		       const struct guest *guest)
{
	size_t i;

	for (i = 0; i < selection->num; i++)
		if (selector_matches(&selection->v[i], guest))
			return true;
	return !selection->num;
}
