// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/culprit.h"
#include "explain/page-wait.h"

static enum time_part longest_part(const struct slow_exit *exit)
{
	enum time_part part, longest = PART_KERNEL;

	for (part = 0; part < NUM_PARTS; part++)
		if (exit->parts_ns[part] > exit->parts_ns[longest])
			longest = part;
	return longest;
}

/* With the TID, since the threads of a pool share a name. */
static char *who_ran(const struct slow_exit *exit)
{
	if (!exit->ran_threads)
		return xstrdup("waited for a CPU; the task that had it is not known");
	if (!exit->ran_pid)
		return xstrdup("waited for a CPU that was idle: a CPU quota (cpu.max), core scheduling, or an idle CPU that was slow to wake");
	return xasprintf("%s (%llu) had the CPU", exit->ran_comm,
			 (unsigned long long)exit->ran_pid);
}

static char *describe(const struct slow_exit *exit, enum time_part part)
{
	switch (part) {
	case PART_VMM:
		return xasprintf("the VMM ran, for %s", exit->key.reason);
	case PART_VMM_SLEEP:
		return xasprintf("the VMM slept, in %s", exit->key.reason);
	case PART_HALTED:
		return is_page_fault(&exit->key) ?
		       xasprintf("halted by KVM in %s until a page was there", exit->key.reason) :
		       xstrdup("halted");
	case PART_BLOCKED:
		return xasprintf("asleep in KVM, in %s: a page, a lock or a penalty", exit->key.reason);
	case PART_RUNQ:
		return who_ran(exit);
	case PART_THROTTLED:
		return xstrdup("throttled by max_exits_per_sec");
	default:
		return xasprintf("KVM handled %s", exit->key.reason);
	}
}

void culprit_find(const struct slow_exit *exit, bool is_virtualized, struct culprit *culprit)
{
	enum time_part part = longest_part(exit);
	bool is_on_cpu = part == PART_KERNEL || part == PART_VMM;

	/* It lies within the parts, and explains them. */
	if (exit->has_stolen && exit->stolen_ns > exit->time_ns / 2) {
		culprit->kind = "stolen";
		culprit->ns = exit->stolen_ns;
		culprit->text = xstrdup("L0 took the CPU from this machine");
		return;
	}
	culprit->kind = time_part_names[part];
	culprit->ns = exit->parts_ns[part];
	culprit->text = describe(exit, part);
	if (is_on_cpu && is_virtualized && !exit->has_stolen)
		append(&culprit->text, ", or L0 had the CPU (stolen time is unknown)");
}

void culprit_free(struct culprit *culprit)
{
	free(culprit->text);
}
