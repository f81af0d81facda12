// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "base/util.h"
#include "explain/hang.h"
#include "explain/page-wait.h"
#include "model/cell.h"
#include "model/vcpu.h"

static const struct {
	const char *name;
	const char *text;
	bool is_suspect;
} hangs[] = {
	[HANG_NONE] = { "none", "does not hang" },
	[HANG_VMM] = { "vmm", "stuck in the VMM, which is on a CPU" },
	[HANG_VMM_ASLEEP] = { "vmm_sleep", "suspect: in the VMM, which sleeps; stuck or paused", true },
	[HANG_BLOCKED] = { "blocked", "stuck in KVM, asleep" },
	[HANG_KERNEL] = { "kernel", "stuck in KVM, on a CPU" },
	[HANG_RUNQ] = { "runq", "gets no CPU" },
	[HANG_SPIN] = { "spin", "suspect: runs without exits of its own; spins or computes", true },
};

const char *hang_text(enum hang hang)
{
	return hangs[hang].text;
}

bool hang_is_suspect(enum hang hang)
{
	return hangs[hang].is_suspect;
}

const char *hang_name(enum hang hang)
{
	return hangs[hang].name;
}

/* Interrupts, NMIs and the preemption timer of the host, by their names. */
static bool is_by_host(const struct exit_key *key)
{
	static const char *const names[] = {
		"EXTERNAL_INTERRUPT", "PREEMPTION_TIMER", "interrupt", "nmi", "smi",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(key->reason, names[i]))
			return true;
	return false;
}

/*
 * With VMX the host's NMIs, of its watchdog or perf, have one reason with the guest's
 * exceptions. A guest that takes these all the time is not in the guest for nearly all of it.
 */
static bool may_be_by_host(const struct exit_key *key)
{
	return is_by_host(key) || !strcmp(key->reason, "EXCEPTION_NMI");
}

static uint64_t own_exits(const struct exit_stats *stats)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < stats->num_cells; i++)
		if (!may_be_by_host(&stats->cells[i].key))
			sum += stats->cells[i].value[CELL_COUNT];
	return sum;
}

/* In the guest for nearly all of a time in which the host made it exit, or may have. */
static bool spins(const struct exit_stats *stats, uint64_t taken_ns,
		  uint64_t hang_ns, struct hang_watch *watch, uint64_t *for_ns)
{
	uint64_t exits = own_exits(stats), guest_ns = stats->value[STAT_GUEST_TIME];

	if (!watch->still_since_ns || exits != watch->own_exits) {
		watch->still_since_ns = taken_ns;
		watch->own_exits = exits;
		watch->guest_ns = guest_ns;
	}
	*for_ns = sub_clamped(taken_ns, watch->still_since_ns);
	return *for_ns >= hang_ns &&
	       sub_clamped(guest_ns, watch->guest_ns) >= *for_ns - *for_ns / 10;
}

enum hang hang_find(const struct guest_snapshot *guest,
		    const struct vcpu_snapshot *vcpu, uint64_t hang_ns,
		    struct hang_watch *watch, uint64_t *for_ns)
{
	struct vcpu_now now = vcpu_now(&vcpu->stats, guest->taken_ns);
	static const enum hang in_exit[] = {
		HANG_VMM, HANG_BLOCKED, HANG_KERNEL, HANG_RUNQ
	};
	size_t i;

	if (spins(&vcpu->stats, guest->taken_ns, hang_ns, watch, for_ns))
		return HANG_SPIN;
	*for_ns = now.for_ns;
	if (!now.state || now.for_ns < hang_ns || guest->hold != HOLD_NONE)
		return HANG_NONE;
	/* A VMM that pauses a vCPU does so by a signal, which is an exit of the host's. */
	if (!strcmp(now.state, "vmm_sleep"))
		return now.cell && !is_by_host(&now.cell->key) &&
		       !cell_is_halt(now.cell) ? HANG_VMM_ASLEEP : HANG_NONE;
	if (!strcmp(now.state, "halted"))
		return now.cell && is_page_fault(&now.cell->key) ? HANG_BLOCKED : HANG_NONE;
	for (i = 0; i < ARRAY_SIZE(in_exit); i++)
		if (!strcmp(now.state, hang_name(in_exit[i])))
			return in_exit[i];
	return HANG_NONE;
}
