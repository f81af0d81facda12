/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_VCPU_H
#define L1TUNE_VCPU_H

#include "model/exits.h"
#include "model/hold.h"

/* What a vCPU does at the moment of reading. */
struct vcpu_now {
	/* The module's word, as in JSON; NULL if the file does not have it. */
	const char *state;
	uint64_t for_ns;
	/* The exit that is being handled; level 0 when there is none. */
	uint32_t level;
	uint32_t code;
	/* Its cell, NULL when there is none. */
	const struct exit_cell *cell;
};

struct vcpu_now vcpu_now(const struct exit_stats *stats, uint64_t taken_ns);

/* The state in words for people; something may hold the VMM's process. */
const char *vcpu_state_text(const struct vcpu_now *now, enum hold hold);

#endif
