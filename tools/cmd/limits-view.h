/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LIMITS_VIEW_H
#define L1TUNE_LIMITS_VIEW_H

#include "cmd/command.h"
#include "cmd/limits-tenant.h"
#include "settings/limit-rows.h"

#define LIMITS_HOST_COLUMNS	"LIMIT,VALUE,AUDIT,USE,HEADROOM,DENIED,WOULD_DENY,EFFECTIVE"
#define LIMITS_GUEST_COLUMNS	"GUEST,NAME,LIMIT,VALUE,SCOPE,AUDIT,USE,HEADROOM,EFFECTIVE"
#define LIMITS_TENANT_COLUMNS	"TENANT," LIMITS_HOST_COLUMNS

#define LIMITS_NUM_COLUMNS	16

extern const struct column limits_columns[LIMITS_NUM_COLUMNS];

/* What there is to show: of this machine or guests, and of tenants. */
struct limits_view {
	struct limit_rows rows;
	struct tenants tenants;
	bool are_tenants_known;
	struct limit_rows tenant_rows;
	/* Limits were chosen, so those that are not set are of interest, too. */
	bool is_chosen;
	/* Tenants that were, of which all limits are. */
	const struct tenant_names *names;
};

/* STATUS_OK, or another exit status. */
int limits_print_json(const struct host *host, const struct limits_view *view);
int limits_print_tables(const struct options *options, const struct limits_view *view);

#endif
