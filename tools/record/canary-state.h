/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CANARY_STATE_H
#define L1TUNE_CANARY_STATE_H

#include "base/env.h"
#include "bench/canary.h"
#include "model/host.h"

/* All CPUs' time so far, in ticks, and what L0 took of it. */
struct cpu_ticks {
	bool is_known;
	uint64_t all, stolen;
};

/*
 * What of this machine an exit's cost depends on, as a number that differs if any of
 * it does: the boot, KVM and its parameters, the load of the module, a limit that
 * slows guests down, and ftrace's events of KVM. What perf and BPF attach to KVM's
 * events cannot be seen. host is NULL without the module.
 */
uint64_t canary_machine(const struct env *env, const struct host *host);

/* Not known where L0 offers no steal clock, or only the module would tell. */
void canary_ticks_read(const struct env *env, const struct host *host, struct cpu_ticks *ticks);

#endif
