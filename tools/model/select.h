/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SELECT_H
#define L1TUNE_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "model/guest.h"

/* Which guests are meant: 3, l2-3, pid:N, name:GLOB, uid:N, cgroup:GLOB, tenant:PATH, NAME */
struct selector {
	enum {
		SELECT_ID, SELECT_PID, SELECT_UID,
		SELECT_NAME, SELECT_NAME_GLOB, SELECT_CGROUP_GLOB,
		SELECT_TENANT
	} kind;
	const char *text;
	const char *pattern;
	uint64_t number;
};

struct selection {
	struct selector *v;
	size_t num;
};

/* 0, or -EINVAL for what names no guest. */
int selector_parse(const char *text, struct selector *selector);

/* STATUS_OK, or STATUS_USAGE with an error. */
int selection_parse(char *const words[], int num, struct selection *selection,
		    struct error *error);
void selection_free(struct selection *selection);

bool selector_matches(const struct selector *selector,
		      const struct guest *guest);
/*
 * STATUS_OK if is_met says of each selector that one of the guests matches it;
 * otherwise STATUS_NO_GUEST, after "no <kind> matches '<selector>': <hint>" for each
 * that none does.
 */
int selection_check(const struct selection *selection, const char *kind, const char *hint,
		    bool (*is_met)(const struct selector *selector, const void *guests),
		    const void *guests);
/* True also when nothing is selected: then all guests are meant. */
bool selection_matches(const struct selection *selection,
		       const struct guest *guest);

#endif
