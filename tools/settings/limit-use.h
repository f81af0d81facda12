/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LIMIT_USE_H
#define L1TUNE_LIMIT_USE_H

#include "model/tenant.h"
#include "settings/limit.h"

/* How much of a limit is used, by the guest or user with the highest use. */
struct limit_use {
	bool is_known;
	uint64_t value;
	/* "uid 107", "l2-3" or "tenant-4"; empty for all of this machine or of a tenant. */
	char of[32];
};

/*
 * In the order of limit_kinds. The use of users and single guests is unknown
 * without permission to read guests.
 */
void limit_uses_read(const struct env *env, const struct host *host,
		     struct limit_use uses[NUM_LIMITS]);

/* Those of a tenant, in the order of tenant_limit_kinds; of a pattern none are known. */
void limit_uses_read_tenant(const struct env *env, const struct tenant *tenant,
			    struct limit_use uses[NUM_TENANT_LIMITS]);

/*
 * Warns if a limit or an audit threshold is below what is already in use, which is
 * not taken away. owner names whose limit it is, or is "".
 */
void limit_complain_below_use(const char *owner, const struct limit *limit,
			      const struct limit_use *use);

/* What is left of it; false if that is not known. */
bool limit_headroom(uint64_t limit, const struct limit_use *use,
		    uint64_t *headroom);

#endif
