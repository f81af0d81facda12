/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CANARY_FOLLOW_H
#define L1TUNE_CANARY_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "record/drift.h"

/* Waits for changes that the samples of a running canary show. */
struct canary_follow {
	int dir_fd;
	/* Readable when a sample may have come; -1 if there is no history, or not for us. */
	int fd;
	/* Time of the last sample that was looked at. */
	uint64_t seen_ns;
};

/* What the samples showed before is passed over. Close in every case. */
void canary_follow_open(struct canary_follow *follow, const char *state);
void canary_follow_close(struct canary_follow *follow);

/* True for a change that was found since the last call: the latest. */
bool canary_follow_take(struct canary_follow *follow, struct drift_change *change);

#endif
