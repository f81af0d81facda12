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

/* The longest that an exit in a bucket can be: the bucket's end, or the cell's maximum. */
static double longest_in(const struct exit_cell *cell, unsigned int bucket)
{
	double end = (double)(1ULL << bucket), most = cell->value[CELL_MAX];

	if (bucket + 1 == cell->num_buckets)
		return most;
	return most && most < end ? most : end;
}

/* The fewest exits of a cell that can add up to *left_ns, which is reduced by their time. */
static double fewest_of(const struct exit_cell *cell, double *left_ns)
{
	unsigned int i = cell->num_buckets;
	double num = 0;

	while (i-- && *left_ns > 0) {
		double each = longest_in(cell, i), some = cell->hist[i];

		if (!some || !each)
			continue;
		if (some > *left_ns / each)
			some = *left_ns / each;
		num += some;
		*left_ns -= some * each;
	}
	return num;
}

double fewest_asleep(const struct facts *f, double share)
{
	double left_ns = asleep_for_pages(f) * share * f->guest->interval_ns, num = 0;
	const struct exit_stats *stats = &f->guest->stats;
	size_t i;

	for (i = 0; i < stats->num_cells; i++)
		if (is_page_fault(&stats->cells[i].key))
			num += fewest_of(&stats->cells[i], &left_ns);
	return left_ns > 0 ? 0 : num * in_interval(f, NSEC_PER_SEC);
}

/*
 * For counts of the whole machine: too few rule it out, and many may be of other
 * processes. Whether they were counted while the guest existed is unknown.
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
	if (most * MOST_PER_PAGE < asleep || most < fewest_asleep(f, 0.5))
		return ANSWER_NO;
	return rate * MOST_PER_PAGE < asleep || rate < fewest_asleep(f, 1) ?
	       ANSWER_UNKNOWN : ANSWER_YES;
}

enum answer waits_for_swap(const struct facts *f, char **seen)
{
	return took_long(f, f->activity.swap_ins, "read a page from swap", seen);
}

enum answer waits_for_disk(const struct facts *f, char **seen)
{
	return took_long(f, f->activity.major_faults, "read a disk for a page", seen);
}

char *serve_pages(const struct facts *f, const char *otherwise)
{
	/* Nothing is missing where it protects pages: what it keeps is written first. */
	if (!memory_of(f)->is_served)
		return xstrdup("nothing here, if a snapshot is taken while the guest runs (QEMU background-snapshot): it ends with the snapshot. The userfaultfd protects pages from writes (uw in VmFlags) and serves none that are missing: its handler can unprotect 2M at once, or track writes without it (UFFD_FEATURE_WP_ASYNC, from Linux 6.7 on)");
	if (is_qemu(f) && vmm_has_option(f, "-incoming"))
		return xstrdup("nothing here, if it is a postcopy migration (-incoming): it ends when all memory is copied. It is over sooner with a faster network, and waits less with the capability postcopy-preempt, or with more of the memory copied before the switch");
	return xstrdup(otherwise);
}
