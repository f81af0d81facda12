/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LIST_H
#define L1TUNE_LIST_H

#include "model/snapshot.h"
#include "ui/options.h"

enum list_column {
	COL_ID, COL_NAME, COL_NAME_SOURCE, COL_INSTANCE, COL_PID, COL_UID, COL_COMM,
	COL_CGROUP, COL_VCPU_CGROUP, COL_AGE, COL_ADOPTED, COL_VCPUS, COL_MEMORY, COL_EXITS,
	COL_EXITS_S, COL_BUSY, COL_KERNEL, COL_VMM, COL_VMM_SLEEP, COL_HALTED,
	COL_BLOCKED, COL_RUNQ, COL_THROTTLED, COL_STOLEN, COL_EXIT_TIME,
	COL_GUEST_TIME, COL_P50, COL_P90, COL_P99, COL_NESTED,
	COL_L3_ENTRIES, COL_L3_HANDLED, COL_L3_LEFT, COL_L3_FACTOR, COL_VCPU,
	COL_STATE, COL_SINCE, COL_REASON, COL_QUOTA, COL_HELPERS,
	COL_COST, COL_TENANT, COL_GUESTS, COL_STARTED, NUM_LIST_COLS
};

/* list --by cgroup; arg is a bool that is false the first time. */
int list_accounts(const struct options *options, const struct host *host,
		  const struct snapshot *snapshot, void *arg);

#endif
