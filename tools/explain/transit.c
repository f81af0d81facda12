// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "base/util.h"
#include "base/wait.h"
#include "bench/file.h"
#include "explain/transit.h"
#include "model/cell.h"

void transit_find(const struct env *env, const struct machine *machine, struct transit *transit)
{
	const char *why = "this machine is not virtualized: no exit goes to an L0";
	struct measurement saved;
	const struct measurement *m;

	*transit = (struct transit){ };
	m = machine->virtualized ? bench_saved(env->state, machine, &saved, &why) : NULL;
	if (m && bench_transit_ns(m, &transit->low_ns, &transit->high_ns)) {
		transit->is_known = true;
		transit->age_ns = sub_clamped(realtime_ns() / NSEC_PER_SEC, m->time.tv_sec) * NSEC_PER_SEC;
		return;
	}
	if (m)
		why = "the measurement is not split, as the module was not loaded: run l1tune bench --save";
	snprintf(transit->why, sizeof(transit->why), "%s", why);
}

void transit_read(const struct env *env, struct transit *transit)
{
	struct machine machine;

	machine_read(env, &machine);
	transit_find(env, &machine, transit);
}

double transit_share(double exits, double each, double on_cpu)
{
	double share = on_cpu > 0 ? exits * each / on_cpu : 0;

	return share < 1 ? share : 1;
}

/* The module sees the transit as time in the guest. */
void transit_of_guest(const struct transit *transit, const struct guest_snapshot *guest,
		      double *low, double *high)
{
	double on_cpu = guest->guest.guest_time_ns + (double)exits_busy_ns(&guest->stats);

	*low = transit_share(guest->guest.exits, transit->low_ns, on_cpu);
	*high = transit_share(guest->guest.exits, transit->high_ns, on_cpu);
}
