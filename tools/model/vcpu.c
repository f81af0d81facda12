// SPDX-License-Identifier: GPL-2.0
#include "base/util.h"
#include "model/vcpu.h"

struct vcpu_now vcpu_now(const struct exit_stats *stats, uint64_t taken_ns)
{
	static const char *const names[] = {
		"none", "guest", "kernel", "user", "wait", "runq", "throttled",
	};
	uint64_t state = stats->value[STAT_STATE];
	struct vcpu_now now = { };
	size_t i;

	if (!stats->has[STAT_STATE] || state >= ARRAY_SIZE(names))
		return now;
	now.state = names[state];
	/* A vCPU that never ran is in no state since. */
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
