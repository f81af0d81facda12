/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_DRIFT_H
#define L1TUNE_DRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/canary.h"

/*
 * Finds when the cost of an exit changed, in the samples of a canary. docs/explain.md
 * has the method for people:
 *
 * - The baseline is the median of up to DRIFT_BASELINE samples, of DRIFT_LEAST at least.
 * - The cost changed if each of the DRIFT_NEW samples after these is further from it,
 *   all in the same direction, than DRIFT_LEAST_CHANGE of it, than DRIFT_SPREADS robust
 *   standard deviations (1.4826 times the median absolute deviation), and than 95 % of
 *   the baseline's samples are.
 * - What changed beside it in the same samples tells the cause.
 * - After a change, and when this machine itself changed, a new baseline begins.
 */
#define DRIFT_BASELINE		60
#define DRIFT_LEAST		10
#define DRIFT_NEW		3
#define DRIFT_LEAST_CHANGE	0.10
#define DRIFT_SPREADS		4.0

enum drift_cause {
	/* Neither stolen time, nor the CPUs' speed, nor KVM's part explain it. */
	DRIFT_L0,
	/* More or less of the CPUs' time is stolen than before. */
	DRIFT_STOLEN,
	/* Work without exits takes more or less time as well. */
	DRIFT_CPU,
	/* The time is spent in this machine's KVM. */
	DRIFT_KVM,
	NUM_DRIFT_CAUSES
};

/* Names as JSON and labels have them. */
extern const char *const drift_cause_names[NUM_DRIFT_CAUSES];

/* Medians of samples; those that are not known are CANARY_UNKNOWN. */
struct drift_level {
	uint64_t exit_ns, rest_ns, work_ns, stolen_ppm;
};

struct drift_change {
	/* The last sample of the baseline, the first new one, and the one that decided. */
	uint64_t before_ns, since_ns, found_ns;
	enum drift_cause cause;
	struct drift_level from, to;
};

struct drift {
	struct canary_sample samples[DRIFT_BASELINE + DRIFT_NEW];
	size_t num;
};

/* Samples in the order of time, into what begins as zero; true if that is a change. */
bool drift_add(struct drift *drift, const struct canary_sample *sample,
	       struct drift_change *change);

/* What the samples to compare with are: false if there are too few. */
bool drift_baseline(const struct drift *drift, struct drift_level *level,
		    uint64_t *threshold_ns);

/* Is stolen time known, and did it change by more than 2 % of the CPUs' time? */
bool drift_stolen_changed(const struct drift_level *from, const struct drift_level *to);

/* How much more the one is than the other: 0.2 is 20 % more. */
double drift_ratio(uint64_t from, uint64_t to);

#endif
