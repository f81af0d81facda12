// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "export/export.h"

/* Each series has these labels first, which may be none. */
static void export_total(struct metrics *metrics, const struct start_time *time, const char *labels)
{
	const char *comma = *labels ? "," : "";
	uint64_t count = 0;
	size_t i;

	metrics->suffix = "_bucket";
	for (i = 0; i < START_BUCKETS; i++) {
		uint64_t below_ns = start_bucket_ns(i);

		count += time->buckets[i];
		if (below_ns)
			metrics_number(metrics, count, "%s%sle=\"%.12g\"", labels, comma, below_ns / 1e9);
		else
			metrics_number(metrics, count, "%s%sle=\"+Inf\"", labels, comma);
	}
	metrics->suffix = "_count";
	metrics_number(metrics, count, "%s", labels);
	metrics->suffix = "_sum";
	metrics_seconds(metrics, time->sum_ns, "%s", labels);
}

void export_starts(struct metrics *metrics, const struct start_times *times)
{
	const struct start_time *total = start_times_total(times);
	size_t i;

	if (!times->are_known)
		return;
	metrics_family(metrics, METRIC_HISTOGRAM, "l1tune_guest_start_seconds",
		       "Time from KVM_CREATE_VM to a guest's first idle, since load.");
	if (total)
		export_total(metrics, total, "");
	metrics_family(metrics, METRIC_COUNTER, "l1tune_guest_start_phase_seconds",
		       "Time of all guests' starts together, by phase.");
	/* The names are the module's own. */
	for (i = 0; i < times->num; i++)
		if (strcmp(times->v[i].name, "total"))
			metrics_seconds(metrics, times->v[i].sum_ns, "phase=\"%s\"", times->v[i].name);
	metrics_family(metrics, METRIC_COUNTER, "l1tune_guests_ended_starting",
		       "Guests that ended before they had started.");
	metrics_number(metrics, times->ended, "");
}

void export_tenant_starts_read(const struct env *env, struct tenant_ranking *ranking)
{
	char device[TENANT_DEVICE_SIZE];
	size_t i;

	ranking->starts = xcalloc(ranking->num_exported + 1, sizeof(*ranking->starts));
	for (i = 0; i < ranking->num_exported; i++) {
		tenant_device(ranking->v[i].tenant->id, device);
		start_times_read(env, device, &ranking->starts[i]);
	}
}

/* A tenant in which no guest has started has no histogram, which would be many lines. */
void export_tenant_starts(struct metrics *metrics, const struct tenant_ranking *ranking)
{
	size_t i;

	if (!ranking->counted->are_known)
		return;
	metrics_family(metrics, METRIC_HISTOGRAM, "l1tune_tenant_start_seconds",
		       "Time from KVM_CREATE_VM to first idle of the tenant's guests, including those that have ended.");
	for (i = 0; i < ranking->num_exported; i++) {
		const struct start_time *total = start_times_total(&ranking->starts[i]);
		char *labels = xasprintf("tenant=\"%s\"", ranking->v[i].label);

		if (total && total->count)
			export_total(metrics, total, labels);
		free(labels);
	}
	metrics_family(metrics, METRIC_COUNTER, "l1tune_tenant_ended_starting",
		       "Guests of the tenant that ended before they had started.");
	for (i = 0; i < ranking->num_exported; i++)
		if (ranking->starts[i].are_known)
			metrics_number(metrics, ranking->starts[i].ended, "tenant=\"%s\"",
				       ranking->v[i].label);
}
