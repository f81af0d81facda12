// SPDX-License-Identifier: GPL-2.0
/* CPUs of this machine that L0 did not run: by the type of instance, or for others. */
#include "base/util.h"
#include "explain/baseline.h"
#include "explain/cause.h"

/* Beside the parts: L0 took it of any of them, and of the guest's own time. */
static bool is_stolen(const struct facts *f, struct advice *a)
{
	const struct exit_stats *stats = &f->guest->stats;
	double cpus = in_interval(f, stats->value[STAT_STOLEN]);

	a->gain = gain_at_most(cpus);
	if (!stats->has[STAT_STOLEN] || !is_often(f, cpus, 0.05))
		return false;
	a->evidence = xasprintf("L0 did not run its vCPUs' CPUs for %.2f s of each second in which they were runnable",
				cpus);
	return true;
}

static const struct cause causes[] = {
	{
		"cpu-baseline", "an instance type with a CPU baseline", "L0",
		"a higher bill",
		{ { has_cpu_baseline, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"the type's description: -flex types and types that earn CPU credits have a baseline",
		NO_BASELINE,
	}, {
		"stolen", "CPUs that L0 shares or limits", "L0", "a higher bill",
		{ { has_cpu_baseline, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"whoever runs L0 knows its CPU shares, quotas and pinning",
		NOT_SHARED,
	},
};

const struct symptom symptom_stolen_time = {
	"stolen-time", "CPU time stolen by L0", CAUSES(causes), is_stolen,
};
