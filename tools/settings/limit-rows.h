/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LIMIT_ROWS_H
#define L1TUNE_LIMIT_ROWS_H

#include "model/snapshot.h"
#include "settings/limit-use.h"

/* A limit of this machine, of a tenant, or of one guest. */
struct limit_row {
	/* Both are NULL for this machine. */
	const struct guest *guest;
	const struct tenant *tenant;
	/* What holds: of a guest that has none of its own, this machine's. */
	struct limit limit;
	bool is_own;
	struct limit_use use;
};

struct limit_rows {
	struct limit_row *v;
	size_t num;
};

/*
 * Rows of this machine, or with a snapshot those of each guest in it that are
 * about single guests. STATUS_OK, or another exit status after a message or with
 * an error.
 */
int limit_rows_read(struct limit_rows *rows, const struct env *env,
		    const struct host *host, const struct limits *limits,
		    const struct snapshot *snapshot, struct error *error);

/* Adds those of a tenant alone; as below. */
int limit_rows_add_tenant(struct limit_rows *rows, const struct env *env,
			  const struct host *host, const struct tenant *tenant, char **file);

/*
 * Adds rows of all defined tenants, or of @only if it is not NULL, and after each
 * pattern those of its matches. 0, or -errno with *file, a copy, naming what could
 * not be read; a tenant that was removed meanwhile has no rows.
 */
int limit_rows_add_tenants(struct limit_rows *rows, const struct env *env,
			   const struct host *host, const struct tenants *tenants,
			   const struct tenant *only, char **file);
void limit_rows_free(struct limit_rows *rows);

#endif
