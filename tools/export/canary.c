// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"
#include "base/wait.h"
#include "export/export.h"
#include "record/canary-log.h"

/* Costs of an older sample are not exported. */
#define OLD_NS		(15 * 60 * NSEC_PER_SEC)

void export_canary_read(const char *state, struct canary_export *canary)
{
	char *dir = xasprintf("%s/record", state);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct canary_samples samples = { };
	struct drift drift = { };
	struct drift_change change;
	uint64_t threshold_ns;
	size_t i;

	*canary = (struct canary_export){ };
	free(dir);
	if (fd < 0)
		return;
	canary_log_read(fd, &samples);
	close(fd);
	for (i = 0; i < samples.num; i++)
		if (drift_add(&drift, &samples.v[i], &change))
			canary->changes[change.cause] = change;
	canary->has_sample = samples.num;
	if (samples.num)
		canary->last = samples.v[samples.num - 1];
	canary->has_baseline = drift_baseline(&drift, &canary->baseline, &threshold_ns);
	canary_samples_free(&samples);
}

static void export_costs(struct metrics *metrics, const struct canary_export *canary)
{
	metrics_family(metrics, METRIC_GAUGE, "l1tune_canary_exit_seconds",
		       "Round trip of a CPUID exit of the canary's guest, the median of its last sample.");
	metrics_seconds(metrics, canary->last.exit_ns, "");
	if (canary->last.rest_ns != CANARY_UNKNOWN) {
		metrics_family(metrics, METRIC_GAUGE, "l1tune_canary_outside_kvm_seconds",
			       "Part of l1tune_canary_exit_seconds outside this machine's KVM: the hardware and L0.");
		metrics_seconds(metrics, canary->last.rest_ns, "");
	}
	if (!canary->has_baseline)
		return;
	metrics_family(metrics, METRIC_GAUGE, "l1tune_canary_baseline_seconds",
		       "Round trip that the canary's samples are compared with.");
	metrics_seconds(metrics, canary->baseline.exit_ns, "");
}

static void export_changes(struct metrics *metrics, const struct canary_export *canary)
{
	int i;

	metrics_family(metrics, METRIC_GAUGE, "l1tune_canary_change_timestamp_seconds",
		       "When the canary last found a changed cost of an exit, by cause; 0 for never.");
	for (i = 0; i < NUM_DRIFT_CAUSES; i++)
		metrics_seconds(metrics, canary->changes[i].found_ns, "cause=\"%s\"", drift_cause_names[i]);
}

void export_canary(struct metrics *metrics, const struct canary_export *canary)
{
	if (!canary->has_sample)
		return;
	metrics_family(metrics, METRIC_GAUGE, "l1tune_canary_timestamp_seconds",
		       "When the canary took its last sample.");
	metrics_seconds(metrics, canary->last.time_ns, "");
	if (sub_clamped(realtime_ns(), canary->last.time_ns) < OLD_NS)
		export_costs(metrics, canary);
	export_changes(metrics, canary);
}
