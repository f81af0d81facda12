// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs that wait outside KVM_RUN while the VMM sleeps: for a lock of its own, for a
 * disk, or because it is paused. It takes no CPU time, and is not the guest's wish.
 */
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"

/* A signal ends KVM_RUN for a pause; and a VMM may serve HLT by sleeping. */
static const struct reasons left_out = { {
	"EXTERNAL_INTERRUPT", "PREEMPTION_TIMER", "NMI_WINDOW", "interrupt", "nmi", "smi",
	"HLT", "hlt",
} };

static double asleep(const struct facts *f)
{
	return load_of_both(f, &all_reasons).parts[PART_VMM_SLEEP] -
	       load_of_both(f, &left_out).parts[PART_VMM_SLEEP];
}

/* What it slept in most. */
static const char *main_reason(const struct facts *f)
{
	const struct exit_stats *stats = &f->guest->stats;
	const char *name = "";
	uint64_t most = 0;
	size_t i;

	for (i = 0; i < stats->num_cells; i++) {
		const struct exit_cell *cell = &stats->cells[i];
		uint64_t ns = cell_part_ns(cell, PART_VMM_SLEEP);

		if (ns <= most || reasons_have(&left_out, cell->key.reason))
			continue;
		most = ns;
		name = cell->key.reason;
	}
	return name;
}

static bool waits(const struct facts *f, struct advice *a)
{
	double cpus = asleep(f);

	if (f->guest->hold != HOLD_NONE || !is_often(f, cpus, 0.05))
		return false;
	a->gain = gain_at_most(cpus);
	a->evidence = xasprintf("its vCPUs waited for %.2f s of each second while the VMM slept, most of it in %s",
				cpus, main_reason(f));
	return true;
}

/* Who holds the lock may itself sleep: little CPU time shows nothing. */
static enum answer are_others_busy(const struct facts *f, char **seen)
{
	const struct tally *helpers = &f->guest->beside.helpers;
	double cpus = helpers->is_known ? in_interval(f, helpers->ns) : 0;

	if (!helpers->is_known) {
		*seen = xstrdup("the CPU time of its other threads is not known");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("its other threads worked %.2f s of each second", cpus);
	return cpus >= asleep(f) / 2 ? ANSWER_YES : ANSWER_UNKNOWN;
}

#define HOW	"l1tune watch --over 10ms --part vmm_sleep: the stack of the vCPU's thread"

static const struct cause causes[] = {
	{
		"vmm-lock", "waiting for the VMM's other threads", "VMM",
		"depends on what they do",
		{ { are_others_busy, VERDICT_SHOWN, VERDICT_OPEN } },
		HOW ", and perf top -p PID: what the others do",
		"less work in the thread that the vCPUs wait for (QEMU's main thread holds one lock for all devices): disks in threads of their own (QEMU -object iothread), devices with ioeventfd or vhost, fewer queries of its monitor, no VNC or SPICE",
	}, {
		"vmm-disk", "a disk or network that the VMM waits for", "VMM",
		"depends on the storage",
		/* No count is of it alone. */
		{ },
		HOW,
		"I/O that no vCPU waits for: io_uring or threads (QEMU aio=io_uring or threads, with an iothread), and faster storage",
	}, {
		"vmm-paused", "a guest that its VMM pauses", "VMM",
		"what pauses it may need to",
		/* A pause in the middle of an access looks the same. */
		{ },
		"the VMM's log of pauses: QMP stop and cont, snapshots, backups, the end of a migration",
		"fewer or shorter pauses",
	},
};

const struct symptom symptom_vmm_sleep = {
	"vmm-sleep", "vCPUs that wait while the VMM sleeps", CAUSES(causes), waits,
};
