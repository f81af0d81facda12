// SPDX-License-Identifier: GPL-2.0
/* CPUs of this machine that L0 did not run: by the type of instance, or for others. */
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "model/machine.h"

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

/* Types with a baseline: what is above it, L0 gives for a time, or not at all. */
static bool has_baseline(const char *type)
{
	const char *dot = strchr(type, '.');

	return dot && (strstr(type, "-flex.") ||
		       (type[0] == 't' && strchr("234", type[1])));
}

static enum answer is_limited_by_type(const struct facts *f, char **seen)
{
	struct machine machine;

	machine_read(f->env, &machine);
	if (!*machine.vendor) {
		*seen = xstrdup("the machine type cannot be read from DMI");
		return ANSWER_UNKNOWN;
	}
	if (!strstr(machine.vendor, "Amazon")) {
		*seen = xasprintf("DMI says %s; it has the type only on EC2", machine.vendor);
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("instance type %s has %s CPU baseline", machine.product,
			  has_baseline(machine.product) ? "a" : "no");
	return has_baseline(machine.product) ? ANSWER_YES : ANSWER_NO;
}

static const struct cause causes[] = {
	{
		"cpu-baseline", "an instance type with a CPU baseline", "L0",
		"a higher bill",
		{ { is_limited_by_type, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"the type's description: -flex types and types that earn CPU credits have a baseline",
		"an instance type without a baseline (no -flex, no T type), or fewer vCPUs busy at a time",
	}, {
		"stolen", "CPUs that L0 shares or limits", "L0", "a higher bill",
		{ { is_limited_by_type, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"whoever runs L0 knows its CPU shares, quotas and pinning",
		"nothing on this machine: use one whose CPUs are not shared or limited by L0 (on EC2 a dedicated host; elsewhere ask whoever runs L0 about CPU shares, quotas and pinning), or fewer vCPUs busy at a time",
	},
};

const struct symptom symptom_stolen_time = {
	"stolen-time", "CPU time stolen by L0", CAUSES(causes), is_stolen,
};
