/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_APPLY_TENANT_H
#define L1TUNE_APPLY_TENANT_H

#include "model/tenant.h"
#include "settings/class-write.h"
#include "settings/conf.h"

/* The writes that a configuration takes. */
struct plan {
	struct class_write *writes;
	size_t num;
};

/* Tenants as they are, and as a configuration wants them. */
struct tenant_plan {
	struct tenants now;
	/* Ids of those that were defined for it. */
	uint64_t *new_ids;
	size_t num_new;
};

/* Is there a line of a tenant? */
bool conf_has_tenants(const struct conf *conf);

/* STATUS_OK, or another exit status after a message. Free in every case. */
int tenant_plan_read(struct tenant_plan *tenants, const struct env *env,
		     const struct conf *conf);
void tenant_plan_free(struct tenant_plan *tenants);

/* Prints what the configuration would change. */
int tenant_plan_show(const struct tenant_plan *tenants, const struct env *env,
		     const struct conf *conf);

/*
 * Defines those that there are not, puts patterns into the order of the file, and
 * plans the writes of limits. STATUS_OK, or another exit status after a message.
 */
int tenant_plan_define(struct tenant_plan *tenants, const struct env *env,
		       const struct conf *conf, struct plan *plan);
/* Removes what was defined, because a value could not be set. */
void tenant_plan_undo(struct tenant_plan *tenants, const struct env *env);
/* Removes tenants that have no line. */
int tenant_plan_remove(const struct tenant_plan *tenants, const struct env *env,
		       const struct conf *conf);

#endif
