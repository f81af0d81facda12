/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CANARY_H
#define L1TUNE_CANARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "bench/split.h"
#include "bench/vm.h"

/* What a sample does not know. */
#define CANARY_UNKNOWN	UINT64_MAX

/*
 * Measures now and then what an exit costs, by a guest that stays: a new one for
 * each sample would take longer to create than to run, use up ids, and fill the
 * lists of guests that came and went.
 */
struct canary {
	const struct env *env;
	struct bench_vm vm;
	bool is_open;
	uint64_t tsc_khz;
	uint64_t clock_cycles;
	struct bench_split split;
	bool has_split;
};

struct canary_sample {
	/* CLOCK_REALTIME */
	uint64_t time_ns;
	/* Medians: a round trip of a CPUID exit; its part outside KVM, if known. */
	uint64_t exit_ns;
	uint64_t rest_ns;
	/* Fixed work of this CPU without exits. */
	uint64_t work_ns;
	/* Of all CPUs' time since the sample before, in millionths, if known. */
	uint64_t stolen_ppm;
	/* What of this machine an exit's cost depends on: equal, or changed. */
	uint64_t machine;
	/* What the sample took of a CPU. */
	uint64_t cpu_ns;
};

void canary_init(struct canary *canary, const struct env *env);
void canary_close(struct canary *canary);

/*
 * Takes exit_ns, rest_ns and work_ns. loaded_ns is the module's, 0 without it.
 * 0, or -1 with *error, which stays valid until the next call.
 */
int canary_measure(struct canary *canary, uint64_t loaded_ns,
		   struct canary_sample *sample, const char **error);

#endif
