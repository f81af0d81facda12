// SPDX-License-Identifier: GPL-2.0
#include "base/util.h"
#include "explain/page-wait.h"

static const struct reasons faults = { { "EPT_VIOLATION", "npf" } };

/* A disk that takes longer for a page has failed. */
#define MOST_PER_PAGE	0.5

bool is_page_fault(const struct exit_key *key)
{
	return reasons_have(&faults, key->reason);
}

double halted_for_pages(const struct facts *f)
{
	return load_of_both(f, &faults).parts[PART_HALTED];
}

double asleep_for_pages(const struct facts *f)
{
	return load_of_both(f, &faults).parts[PART_BLOCKED] + halted_for_pages(f);
}

/*
 * Of the whole machine: too few rule it out, and many may be others'. Whether those that
 * there were came while the guest was there is not known.
 */
static enum answer took_long(const struct facts *f, uint64_t count, const char *what,
			     char **seen)
{
	double rate = rate_of_machine(f, count), most = most_of_machine(f, count);
	double asleep = asleep_for_pages(f);

	if (!f->activity.is_memory_known) {
		*seen = xasprintf("/proc/vmstat was not read at the interval's beginning%s",
				  f->env->past ? ": not recorded" : "");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("this machine %s %.0f times per second", what, rate);
	return most * MOST_PER_PAGE < asleep ? ANSWER_NO :
	       rate * MOST_PER_PAGE < asleep ? ANSWER_UNKNOWN : ANSWER_YES;
}

enum answer waits_for_swap(const struct facts *f, char **seen)
{
	return took_long(f, f->activity.swap_ins, "read a page from swap", seen);
}

enum answer waits_for_disk(const struct facts *f, char **seen)
{
	return took_long(f, f->activity.major_faults, "read a disk for a page", seen);
}
