/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CMD_START_H
#define L1TUNE_CMD_START_H

#include <jansson.h>

#include "cmd/command.h"
#include "model/host.h"
#include "model/start.h"

enum {
	COL_ID, COL_NAME, COL_PID, COL_UID, COL_STATE, COL_UNTIL, COL_TOTAL,
	/* In the order of start_phase_id. */
	COL_SETUP, COL_ENTRY, COL_FIRMWARE, COL_BOOT,
	COL_PHASE, COL_REASON, COL_TIME, COL_SHARE, COL_GUEST, COL_EXITS, COL_FAULTS,
	/* In the order of time_part. */
	COL_KVM, COL_VMM, COL_VMM_SLEEP, COL_HALTED, COL_BLOCKED, COL_RUNQ, COL_THROTTLED,
	COL_TIME_A, COL_TIME_B, COL_DIFF,
	COL_TENANT, COL_CGROUP, COL_STARTED, COL_ENDED, COL_P50, COL_P90, COL_P99, NUM_COLS
};

/* How many of the longest parts of a start are shown. */
#define MOST_COSTS	3

json_t *start_to_json(const struct start *start, const struct start_list *list);

/* start --by cgroup: how long the guests of each tenant took. */
int start_by_tenant(struct options *options, const struct host *host);

#endif
