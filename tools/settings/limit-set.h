/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LIMIT_SET_H
#define L1TUNE_LIMIT_SET_H

#include "base/error.h"
#include "model/guest.h"
#include "settings/limit.h"

/* NAME=VALUE or audit.NAME=VALUE of a command line. */
struct assignment {
	const struct limit_kind *kind;
	bool is_audit;
	/* Of a guest: what this machine's limit says. */
	bool is_default;
	uint64_t value;
};

struct assignments {
	struct assignment *v;
	size_t num;
};

/* Is this meant to be one, and no guest? */
bool assignment_is(const char *text);

/* The limit of NAME or audit.NAME, NULL if there is none. */
const struct limit_kind *assignment_name(const char *name, bool *is_audit);

/*
 * Adds one to those there are; for_guest says whose limits they are.
 * STATUS_OK, or STATUS_USAGE with an error.
 */
int assignment_add(struct assignments *assignments, const char *text,
		   bool for_guest, struct error *error);
void assignments_free(struct assignments *assignments);

/*
 * Writes them all, or none: when one fails, those before it get back what they
 * had. guest is NULL for this machine's. STATUS_OK, or another one after
 * telling.
 */
int assignments_apply(const struct assignments *assignments,
		      const struct env *env, const struct guest *guest);

#endif
