/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ACTIVITY_H
#define L1TUNE_ACTIVITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"

/* What this machine's kernel does to memory, by /proc/vmstat. */
struct activity {
	/* Whether it is counted in the interval that is looked at. */
	bool is_known;
	/* Entries of page tables that NUMA balancing took away to see who uses them. */
	uint64_t numa_updates;
	/* Pages moved by compaction, NUMA balancing or an administrator. */
	uint64_t migrations;
	uint64_t swap_ins;
};

void activity_read(const struct env *env, struct activity *activity);
void activity_subtract(struct activity *activity,
		       const struct activity *before);

#endif
