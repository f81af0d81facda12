/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EXPORT_H
#define L1TUNE_EXPORT_H

#include "export/openmetrics.h"
#include "model/machine.h"
#include "model/snapshot.h"
#include "model/start-times.h"
#include "record/drift.h"
#include "settings/limit-rows.h"

/* The metrics of a machine without the module. */
void export_absence(struct metrics *metrics);

void export_host(struct metrics *metrics, const struct host *host,
		 const struct machine *machine);

/* Without any, or none that may be read, there is no metric. */
void export_starts(struct metrics *metrics, const struct start_times *times);

/* What l1tune record --canary kept, as of now. */
struct canary_export {
	bool has_sample, has_baseline;
	struct canary_sample last;
	struct drift_level baseline;
	/* The last change of each cause; found_ns is 0 where there was none. */
	struct drift_change changes[NUM_DRIFT_CAUSES];
};

/* Those below state; without any, or none that may be read, there is no metric. */
void export_canary_read(const char *state, struct canary_export *canary);
void export_canary(struct metrics *metrics, const struct canary_export *canary);

/* The uses are in the order of limit_kinds. */
void export_limits(struct metrics *metrics, const struct limits *limits,
		   const struct limit_use *uses);

/* Comes before the guests, and alone when they may not be read. */
void export_guests_readable(struct metrics *metrics, bool are_readable);

/* Times by guest, or with by_reason by guest, reason and level. */
void export_guests(struct metrics *metrics, const struct snapshot *snapshot,
		   bool by_reason);

/* A series of each counts: there can be thousands of tenants, and pods come and go. */
#define MAX_EXPORTED_TENANTS	100

/* A tenant, with how it is called in labels. */
struct exported_tenant {
	const struct tenant *tenant;
	const struct tenant_counts *counts;
	const char *label;
	/* For a match, the label of its pattern; otherwise empty. */
	const char *pattern_label;
};

/* By cost: first those that have series. */
struct tenant_ranking {
	const struct counted_tenants *counted;
	/* In the order of those. */
	char **labels;
	struct exported_tenant *v;
	size_t num, num_exported;
	/* Starts of those that have series, in the order of v; NULL until they are read. */
	struct start_times *starts;
};

/* As long as the tenants are there. */
void export_tenants_rank(const struct counted_tenants *tenants, struct tenant_ranking *ranking);
void export_tenants_free(struct tenant_ranking *ranking);
const char *export_tenant_label(const struct tenant_ranking *ranking, const struct tenant *tenant);

/*
 * The tenants that cost most, and the sum of the others; of a module without tenants
 * there is no metric.
 */
void export_tenants(struct metrics *metrics, const struct tenant_ranking *ranking);

/* Starts of the guests of those that have series. */
void export_tenant_starts_read(const struct env *env, struct tenant_ranking *ranking);
void export_tenant_starts(struct metrics *metrics, const struct tenant_ranking *ranking);

/* Limits of the tenants that have series, and what those of others denied. */
struct tenant_limits {
	struct limit_rows rows;
	/* False if one could not be read: then the sums below are too low. */
	bool are_known;
	/* Of all tenants. */
	uint64_t num_broken;
	uint64_t others_denied;
};

/* STATUS_OK, or another exit status after a message. Free in every case. */
int export_tenant_limits_read(const struct env *env, const struct host *host,
			      const struct tenant_ranking *ranking,
			      struct tenant_limits *limits);
void export_tenant_limits_free(struct tenant_limits *limits);
void export_tenant_limits(struct metrics *metrics, const struct tenant_ranking *ranking,
			  const struct tenant_limits *limits);

#endif
