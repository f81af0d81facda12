/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TENANT_COUNTS_H
#define L1TUNE_TENANT_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "model/cell.h"
#include "model/tenant.h"

/* What the guests of a tenant have now. */
enum tenant_use { USE_VMS, USE_VCPUS, USE_MEMORY, USE_NESTED, NUM_TENANT_USES };

/* What they had, also those that ended: each from its own start. */
enum tenant_total {
	TOTAL_VMS,
	TOTAL_VCPUS,
	TOTAL_EXITS,
	TOTAL_EXIT_TIME,
	TOTAL_GUEST_TIME,
	TOTAL_STOLEN,
	TOTAL_UNTRACED,
	/* The parts of the exits' time, in the order of enum time_part. */
	TOTAL_PARTS,
	NUM_TENANT_TOTALS = TOTAL_PARTS + NUM_PARTS
};

struct tenant_counts {
	/* A pattern has nothing now: its matches do. */
	bool has_use;
	uint64_t use[NUM_TENANT_USES];
	bool has[NUM_TENANT_TOTALS];
	uint64_t total[NUM_TENANT_TOTALS];
};

/* All tenants, and the counts of each in the same order. */
struct counted_tenants {
	/* False if the module has no tenants, or nobody looked. */
	bool are_known;
	struct tenants tenants;
	struct tenant_counts *counts;
};

/* 0, or -errno with *file, a copy, naming what could not be read. Free in every case. */
int counted_tenants_read(const struct env *env, struct counted_tenants *counted, char **file);
void counted_tenants_free(struct counted_tenants *counted);

/*
 * What happened between two times of one load of the module; before is NULL if there
 * is none. A tenant that is new counts as a whole.
 */
void counted_tenants_subtract(const struct counted_tenants *before,
			      const struct counted_tenants *after,
			      struct counted_tenants *diff);

/* Those that a guest is charged to, by id; -errno, or 0 also if the module has none. */
int guest_tenants_read(int guest_fd, uint64_t **ids, size_t *num);

#endif
