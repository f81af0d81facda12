/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CANARY_RUN_H
#define L1TUNE_CANARY_RUN_H

#include "bench/canary.h"
#include "record/canary-log.h"
#include "record/canary-state.h"
#include "record/drift.h"

/* The CPU time a sample may take in CANARY_EVERY_NS; one that takes more delays the next. */
#define CANARY_CPU_NS		(6 * NSEC_PER_SEC / 1000)
#define CANARY_EVERY_NS		(60 * NSEC_PER_SEC)
/* Samples may take 1/CANARY_PART of the history's size. */
#define CANARY_PART		256

/* Takes samples when they are due, stores them, and reports changes of the cost of an exit. */
struct canary_run {
	const struct env *env;
	struct canary canary;
	struct canary_log log;
	struct drift drift;
	struct cpu_ticks ticks;
	uint64_t every_ns;
	/* CLOCK_MONOTONIC */
	uint64_t due_ns;
};

/* With the samples that the directory has: 0, or -errno. Close in every case. */
int canary_run_open(struct canary_run *run, const struct env *env, int dir_fd,
		    uint64_t bytes, uint64_t every_ns);
void canary_run_close(struct canary_run *run);

/*
 * Takes one. host is NULL without the module. True if it shows a change; *error is
 * then, and else, what went wrong, or NULL.
 */
bool canary_run_sample(struct canary_run *run, const struct host *host,
		       struct drift_change *change, const char **error);

#endif
