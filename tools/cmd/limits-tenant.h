/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LIMITS_TENANT_H
#define L1TUNE_LIMITS_TENANT_H

#include "settings/setting.h"
#include "model/tenant.h"

/* Tenants that a command line names: tenant:PATH. */
struct tenant_names {
	char **v;
	size_t num;
};

/* Takes a word if it names a tenant. STATUS_OK, or STATUS_USAGE with an error. */
int tenant_names_take(struct tenant_names *names, const char *word, bool *is_taken,
		      struct error *error);
void tenant_names_free(struct tenant_names *names);

/* The tenant of a name; NULL after a message if there is none. */
const struct tenant *tenant_named(const struct tenants *tenants, const char *name);

/*
 * Sets limits, all or none; a tenant that there is not is defined. Removes those that
 * are named. STATUS_OK, or another exit status after a message.
 */
int tenant_set(const struct env *env, const char *name,
	       const struct assignments *assignments);
int tenant_names_remove(const struct env *env, const struct tenant_names *names);

#endif
