/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_APPLY_TENANT_H
#define L1TUNE_APPLY_TENANT_H

#include "model/tenant.h"
#include "settings/class-write.h"
#include "settings/conf.h"
#include "settings/setting.h"

/* The writes that a configuration takes. */
struct plan {
	struct class_write *writes;
	size_t num;
};

/* A tenant that a configuration has lines of. */
struct planned_tenant {
	/* The first of them. */
	const struct conf_line *line;
	/* What is defined now; NULL if it is not. */
	const struct tenant *now;
	/* A cgroup may be a match of a pattern before. */
	const struct tenant *match;
	bool is_pattern;
	/* Is defined again, after those above it. */
	bool is_misplaced;
	/* It was not defined before. */
	bool is_new;
	uint64_t id;
	struct plan plan;
	size_t num_written;
};

/* Tenants as they are, and as a configuration wants them, in its order. */
struct tenant_plan {
	struct tenants now;
	struct planned_tenant *v;
	size_t num;
	/* What the patterns of now have, should they be defined again: one each of now. */
	struct assignments *former;
	bool is_reordered;
	/* The next tenant gets this one, if no pattern gets a match meanwhile. */
	uint64_t next_id;
};

/* STATUS_OK, or another exit status after a message. Free in every case. */
int tenant_plan_read(struct tenant_plan *tenants, const struct env *env,
		     const struct conf *conf);
void tenant_plan_free(struct tenant_plan *tenants);

/* Prints what the configuration would change. */
int tenant_plan_show(const struct tenant_plan *tenants, const struct env *env,
		     const struct conf *conf);

/* Reads what tenants have, and plans what is written. STATUS_OK, or another one after a message. */
int tenant_plan_prepare(struct tenant_plan *tenants, const struct env *env,
			const struct conf *conf);
/*
 * In the order of the file: defines tenants that there are not, and patterns that are
 * in another order again, and gives each its limits. STATUS_OK, or another exit status
 * after a message.
 */
int tenant_plan_apply(struct tenant_plan *tenants, const struct env *env,
		      const struct conf *conf);
/* Undoes that, as far as it came. False after saying what remains. */
bool tenant_plan_undo(const struct tenant_plan *tenants, const struct env *env);
/* Removes tenants that have no line. */
int tenant_plan_remove(const struct tenant_plan *tenants, const struct env *env,
		       const struct conf *conf);

#endif
