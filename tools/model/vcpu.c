// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "base/util.h"
#include "model/vcpu.h"

static const struct {
	const char *name;
	const char *text;
} states[] = {
	{ "none", "not seen since load" },
	{ "guest", "guest" },
	{ "kernel", "kernel" },
	{ "vmm", "vmm" },
	{ "vmm_sleep", "asleep" },
	{ "halted", "halted" },
	{ "blocked", "blocked" },
	{ "runq", "runq" },
	{ "throttled", "throttled" },
};

const char *vcpu_state_text(const struct vcpu_now *now, enum hold hold)
{
	static const char *const held[] = {
		[HOLD_STOPPED] = "paused", [HOLD_FROZEN] = "frozen",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(states) && now->state; i++) {
		if (strcmp(now->state, states[i].name))
			continue;
		/* A thread is stopped or frozen outside KVM_RUN. */
		return hold && !strcmp(now->state, "vmm_sleep") ?
		       held[hold] : states[i].text;
	}
	return NULL;
}

struct vcpu_now vcpu_now(const struct exit_stats *stats, uint64_t taken_ns)
{
	uint64_t state = stats->value[STAT_STATE];
	struct vcpu_now now = { };
	size_t i;

	if (!stats->has[STAT_STATE] || state >= ARRAY_SIZE(states))
		return now;
	now.state = states[state].name;
	/* Since when is unknown until the vCPU has been seen to run. */
	if (state)
		now.for_ns = sub_clamped(taken_ns,
					 stats->value[STAT_STATE_SINCE]);
	now.level = stats->value[STAT_OPEN_LEVEL];
	now.code = stats->value[STAT_OPEN_CODE];
	for (i = 0; i < stats->num_cells && now.level; i++) {
		const struct exit_key *key = &stats->cells[i].key;

		if (key->level == now.level && key->code == now.code)
			now.cell = &stats->cells[i];
	}
	return now;
}
