/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ADVISE_H
#define L1TUNE_ADVISE_H

#include "explain/facts.h"

void advice_free(struct advice *advice);

/* What was seen of guests in an interval, or since their start. */
struct observation {
	const struct host *host;
	const struct snapshot *snapshot;
	/*
	 * KVM's counts at the interval's beginning, one for each guest, or
	 * NULL since their start.
	 */
	const struct kvm_counts *before;
	/* What they accessed at its end, NULL if that was not looked at. */
	const struct sample *sample;
};

/* Most gain first. */
struct advice *advise(const struct env *env,
		      const struct observation *seen, size_t *num);

/* Whether a sample of accesses would make advice better. */
bool advise_wants_sample(const struct env *env,
			 const struct observation *seen);

/* "0.12 CPUs", "at least 0.12 CPUs", a copy. */
char *gain_text(const struct gain *gain);

#endif
