// SPDX-License-Identifier: GPL-2.0
/*
 * What takes pages from a guest, which then fault again, and what has to be done before a
 * fault gets one: by what this machine counts, for all processes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"
#include "explain/fault.h"
#include "explain/memory-limit.h"
#include "explain/small-pages.h"
#include "explain/taken-pages.h"
#include "model/machine.h"

/* In less time a fault frees and moves nothing. */
#define LEAST_WORK	20e-6

/* That a fault takes KVM longer is not for the size of the page that it maps. */
#define MOST_OF_SMALL	200e-6

/* How long a fault takes KVM, in seconds. */
static double time_of_each(const struct facts *f)
{
	struct load fault = memory_faults(f);

	return fault.rate ? fault.parts[PART_KERNEL] / fault.rate : 0;
}

/* Were there as many of these as faults, or too few to have caused them? */
static enum answer explains_faults(const struct facts *f, uint64_t count)
{
	double rate = memory_faults(f).rate;

	return most_of_machine(f, count) < rate / 10 ? ANSWER_NO :
	       rate_of_machine(f, count) >= rate / 2 ? ANSWER_YES : ANSWER_UNKNOWN;
}

/* Are there enough of these per second to have caused the faults? */
static enum answer could_cause(const struct facts *f, uint64_t count,
			       const char *what, char **seen)
{
	if (!f->activity.is_memory_known) {
		*seen = xasprintf("/proc/vmstat was not read at the interval's beginning%s",
				  f->env->past ? ": not recorded" : "");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("this machine %s %.0f times per second", what,
			  rate_of_machine(f, count));
	/* Of all processes: that there are many does not say whose they are. */
	return explains_faults(f, count) == ANSWER_NO ? ANSWER_NO : ANSWER_UNKNOWN;
}

enum answer is_balanced(const struct facts *f, char **seen)
{
	char value[16];

	if (machine_file(f->env->proc, value, sizeof(value),
			 "sys/kernel/numa_balancing") && !strcmp(value, "0")) {
		*seen = xstrdup("kernel.numa_balancing is 0");
		return ANSWER_NO;
	}
	if (!memory_of(f)->err && memory_of(f)->mapping.backing == BACKING_HUGETLB) {
		*seen = xstrdup("the guest's memory is in hugetlbfs, which NUMA balancing leaves alone");
		return ANSWER_NO;
	}
	return could_cause(f, f->activity.numa_updates,
			   "unmapped a page for NUMA balancing", seen);
}

enum answer is_migrated(const struct facts *f, char **seen)
{
	return could_cause(f, f->activity.migrations, "moved a page", seen);
}

/* A page that is only read is not copied, so that few copies rule nothing out. */
enum answer is_merged(const struct facts *f, char **seen)
{
	const struct guest_memory *memory = memory_of(f);
	uint64_t copies = f->activity.ksm_copies;
	char value[16];

	if (machine_file(f->env->sysfs, value, sizeof(value),
			 "kernel/mm/ksm/run") && strcmp(value, "1")) {
		*seen = xstrdup("KSM does not run");
		return ANSWER_NO;
	}
	if (!memory->err && !memory->is_mergeable) {
		*seen = xstrdup("the VMM does not let KSM merge the guest's memory");
		return ANSWER_NO;
	}
	if (memory->err || !f->activity.is_memory_known || !copies)
		return ANSWER_UNKNOWN;
	*seen = xasprintf("the VMM lets KSM merge the guest's memory, and this machine copied merged pages %.0f times per second (cow_ksm)",
			  rate_of_machine(f, copies));
	return explains_faults(f, copies) == ANSWER_YES ? ANSWER_YES : ANSWER_UNKNOWN;
}

/* Each page that is read from swap was for a fault, or was read ahead for one. */
enum answer is_swapped(const struct facts *f, char **seen)
{
	uint64_t swapped, reads = f->activity.swap_ins;
	char *size;

	if (!is_memory_known(f, seen))
		return ANSWER_UNKNOWN;
	swapped = memory_of(f)->swapped_bytes;
	size = format_bytes(swapped);
	*seen = xasprintf("%s of its memory are swapped out", size);
	free(size);
	if (!swapped)
		return ANSWER_NO;
	if (!f->activity.is_memory_known) {
		append(seen, "; whether swap was read is not known");
		return ANSWER_UNKNOWN;
	}
	append(seen, "; this machine read a page from swap %.0f times per second",
	       rate_of_machine(f, reads));
	return explains_faults(f, reads);
}

enum answer frees_pages_first(const struct facts *f, char **seen)
{
	uint64_t stalls = f->activity.stalls;
	double each = time_of_each(f);
	enum answer answer;

	*seen = xasprintf("a fault takes KVM %.1f us", each * 1e6);
	if (each < LEAST_WORK)
		return ANSWER_NO;
	if (!f->activity.is_memory_known) {
		append(seen, "; /proc/vmstat was not read at the interval's beginning");
		return ANSWER_UNKNOWN;
	}
	append(seen, "; allocations of this machine freed or moved other pages first %.0f times per second",
	       rate_of_machine(f, stalls));
	answer = explains_faults(f, stalls);
	return answer == ANSWER_NO && is_at_memory_max(f, seen) != ANSWER_NO ?
	       ANSWER_UNKNOWN : answer;
}

enum answer maps_pages(const struct facts *f, char **seen)
{
	uint64_t taken, emulated, fixed;

	if (!kvm_count_of(f, KVM_FAULTS_TAKEN, &taken) ||
	    !kvm_count_of(f, KVM_FAULTS_EMULATED, &emulated) ||
	    !kvm_count_of(f, KVM_FAULTS_FIXED, &fixed) || taken <= emulated)
		return ANSWER_UNKNOWN;
	taken -= emulated;
	*seen = xasprintf("KVM mapped a page for %.0f %% of the faults (pf_fixed of pf_taken)",
			  100.0 * (fixed < taken ? fixed : taken) / taken);
	return fixed < taken / 2 ? ANSWER_NO : ANSWER_YES;
}

enum answer are_begun_again(const struct facts *f, char **seen)
{
	double each = time_of_each(f);

	if (each > MOST_OF_SMALL) {
		*seen = xasprintf("a fault takes KVM %.0f us", each * 1e6);
		return ANSWER_NO;
	}
	switch (maps_pages(f, seen)) {
	case ANSWER_YES:
		return ANSWER_NO;
	case ANSWER_NO:
		return ANSWER_YES;
	default:
		return ANSWER_UNKNOWN;
	}
}

/*
 * Until Linux 6.2, and not before 5.15, it compares its count of invalidations as an int:
 * once there were 2^31 of them, each page looks stale. 6.1.50 has that mended, which the
 * name of a distribution's kernel need not say.
 */
enum answer may_retry_for_ever(const struct facts *f, char **seen)
{
	unsigned int version = kernel_version_of(f);

	if (!version)
		return ANSWER_UNKNOWN;
	*seen = xasprintf("this kernel is Linux %u.%u", version / 1000, version % 1000);
	return version < 5015 || version > 6002 ? ANSWER_NO : ANSWER_YES;
}

enum answer are_for_pages_size(const struct facts *f, char **seen)
{
	double each = time_of_each(f);

	if (each <= MOST_OF_SMALL)
		return maps_pages(f, seen);
	*seen = xasprintf("a fault takes KVM %.0f us, whatever the size of the page", each * 1e6);
	return ANSWER_NO;
}
