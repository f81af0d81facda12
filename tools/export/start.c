// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "base/util.h"
#include "export/export.h"

static void export_total(struct metrics *metrics, const struct start_time *time)
{
	uint64_t count = 0;
	size_t i;

	metrics_family(metrics, METRIC_HISTOGRAM, "l1tune_guest_start_seconds",
		       "Time from KVM_CREATE_VM to a guest's first idle, since load.");
	metrics->suffix = "_bucket";
	for (i = 0; i < START_BUCKETS; i++) {
		uint64_t below_ns = start_bucket_ns(i);

		count += time->buckets[i];
		if (below_ns)
			metrics_number(metrics, count, "le=\"%.12g\"", below_ns / 1e9);
		else
			metrics_number(metrics, count, "le=\"+Inf\"");
	}
	metrics->suffix = "_count";
	metrics_number(metrics, count, "");
	metrics->suffix = "_sum";
	metrics_seconds(metrics, time->sum_ns, "");
}

void export_starts(struct metrics *metrics, const struct start_times *times)
{
	size_t i;

	if (!times->are_known)
		return;
	for (i = 0; i < times->num; i++)
		if (!strcmp(times->v[i].name, "total"))
			export_total(metrics, &times->v[i]);
	metrics_family(metrics, METRIC_COUNTER, "l1tune_guest_start_phase_seconds",
		       "Time of all starts together, by phase.");
	/* The names are the module's own. */
	for (i = 0; i < times->num; i++)
		if (strcmp(times->v[i].name, "total"))
			metrics_seconds(metrics, times->v[i].sum_ns, "phase=\"%s\"", times->v[i].name);
	metrics_family(metrics, METRIC_COUNTER, "l1tune_guests_ended_starting",
		       "Guests that ended before they had started.");
	metrics_number(metrics, times->ended, "");
}
