/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TRANSIT_H
#define L1TUNE_TRANSIT_H

#include "base/env.h"
#include "model/machine.h"
#include "model/snapshot.h"

/*
 * What an exit costs in the hardware and L0, of a kept measurement: at least
 * and at most, over the kinds that were measured.
 */
struct transit {
	bool is_known;
	double low_ns, high_ns;
	uint64_t age_ns;
	/* Why it is not known. */
	char why[160];
};

void transit_read(const struct env *env, struct transit *transit);
/* The same where the machine was read already. */
void transit_find(const struct env *env, const struct machine *machine, struct transit *transit);

/* The part of the time that vCPUs had a CPU, all times in the same unit. */
double transit_share(double exits, double each, double on_cpu);

/* The same of a guest: between low and high. */
void transit_of_guest(const struct transit *transit, const struct guest_snapshot *guest,
		      double *low, double *high);

#endif
