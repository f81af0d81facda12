/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_COLLAPSE_GUARD_H
#define L1TUNE_COLLAPSE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "model/guest-cache.h"
#include "model/guest.h"
#include "model/host.h"
#include "model/select.h"

/*
 * Sees to it that collapsing a guest's memory harms neither the guest nor this
 * machine: a vCPU that waits long for its memory, little free memory and memory
 * pressure are reasons to stop.
 */
struct collapse_guard {
	const struct env *env;
	const struct host *host;
	struct selector guest;
	struct guest_cache cache;
	uint64_t most_stall_ns;
	/* Memory faults since the start: those before, and the longest one seen. */
	struct exit_cell before;
	uint64_t stall_ns;
	/* Only an upper bound is known: it is that of a histogram's bucket. */
	bool is_stall_at_most;
	/* Where a window of looking at the machine's memory pressure began. */
	bool is_pressure_known;
	uint64_t pressure_us, pressure_since_ns;
	/* The directory of the VMM's cgroup, and the mount that it is in; NULL if not known. */
	char *cgroup;
	char *mount;
};

/* STATUS_OK, or another exit status after a message. Free in every case. */
int collapse_guard_start(struct collapse_guard *guard, const struct env *env,
			 const struct host *host, const struct guest *guest,
			 uint64_t most_stall_ns);
void collapse_guard_free(struct collapse_guard *guard);

/* NULL, or a reason to stop now: a copy. */
char *collapse_guard_check(struct collapse_guard *guard);

#endif
