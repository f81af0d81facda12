// SPDX-License-Identifier: GPL-2.0
/* Ports, addresses and MSRs that guests access: how often, and who serves them. */
#include <stdlib.h>

#include "base/util.h"
#include "explain/device.h"
#include "explain/fault.h"

static const struct reasons devices = {
	{ "IO_INSTRUCTION", "io", "EPT_MISCONFIG" }
};
static const struct reasons faults = { { "npf", "EPT_VIOLATION" } };
static const struct reasons msrs = { { "MSR_WRITE", "MSR_READ", "msr" } };

#define MAX_NAMED	4

static double rate_of(const struct access_group *group)
{
	return group->reads + group->writes;
}

/* Writes that signal an ioeventfd never reach the VMM. */
static bool is_served(const struct access_group *group, enum server server)
{
	bool is_by_vmm = group->by_vmm > rate_of(group) / 2;

	switch (server) {
	case SERVED_BY_VMM:
		return is_by_vmm;
	case SERVED_BY_EVENTFD:
		return group->kind != ACCESS_MSR && !is_by_vmm && !group->known;
	case SERVED_BY_KVM:
		return !is_by_vmm && group->known && group->known->by_kvm;
	default:
		return group->kind == ACCESS_MSR;
	}
}

static double sum_of(const struct facts *f, enum server server,
		     uint64_t classes)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < f->accesses.num; i++) {
		const struct access_group *group = &f->accesses.v[i];

		if (is_served(group, server) &&
		    (classes & BIT_OF(access_class(group))))
			sum += rate_of(group);
	}
	return sum;
}

double access_all(const struct facts *f, enum server server)
{
	return sum_of(f, server, -1ULL);
}

double access_part(const struct facts *f, enum server server, uint64_t classes)
{
	double all = access_all(f, server);

	return all ? sum_of(f, server, classes) / all : 0;
}

/* Groups are in the order of their rates. */
static bool is_first_of(const struct facts *f, enum server server,
			uint64_t classes)
{
	size_t i;

	for (i = 0; i < f->accesses.num; i++)
		if (is_served(&f->accesses.v[i], server))
			return classes & BIT_OF(access_class(&f->accesses.v[i]));
	return false;
}

static void add_text(char **text, const char *more)
{
	if (*text)
		append(text, ", %s", more);
	else
		*text = xstrdup(more);
}

char *access_names(const struct facts *f, enum server server, uint64_t classes)
{
	double all = access_all(f, server);
	char *text = NULL, *one;
	size_t i, num = 0;

	for (i = 0; i < f->accesses.num && num < MAX_NAMED; i++) {
		const struct access_group *group = &f->accesses.v[i];

		if (!is_served(group, server) ||
		    !(classes & BIT_OF(access_class(group))) ||
		    (num && rate_of(group) < all / 20))
			continue;
		one = access_text(group);
		add_text(&text, one);
		free(one);
		num++;
	}
	return text;
}

enum answer access_is(const struct facts *f, enum server server,
		      uint64_t classes, char **seen)
{
	double part = access_part(f, server, classes);
	char *text;

	if (!f->is_sampled) {
		*seen = xstrdup(NOT_SAMPLED);
		return ANSWER_UNKNOWN;
	}
	if (!access_all(f, server)) {
		*seen = xstrdup("the sample has none");
		return ANSWER_UNKNOWN;
	}
	if (part < 0.2 && !is_first_of(f, server, classes)) {
		*seen = xstrdup("few or none of the accesses in the sample");
		return ANSWER_NO;
	}
	text = access_names(f, server, classes);
	*seen = xasprintf("%.0f %% of the accesses in the sample: %s", 100 * part,
			  text);
	free(text);
	return ANSWER_YES;
}

static char *one_text(const struct access_group *group)
{
	char *what = access_text(group), *text;

	if (!group->reads)
		text = xasprintf("%s written %.0f times", what, group->writes);
	else if (!group->writes)
		text = xasprintf("%s read %.0f times", what, group->reads);
	else
		text = xasprintf("%s written %.0f and read %.0f times", what,
				 group->writes, group->reads);
	free(what);
	return text;
}

/* Of many the most frequent ones are named, as far as they matter. */
void access_name(const struct facts *f, enum server server, struct advice *a,
		 char *evidence)
{
	double all = access_all(f, server), others = all;
	char *text = NULL, *one;
	size_t i;

	for (i = 0; i < f->accesses.num && a->num_accesses < MAX_NAMED; i++) {
		const struct access_group *group = &f->accesses.v[i];

		if (!is_served(group, server) || rate_of(group) < all / 20)
			continue;
		*GROW(a->accesses, a->num_accesses) = *group;
		others -= rate_of(group);
		one = one_text(group);
		add_text(&text, one);
		free(one);
	}
	if (others >= 0.5) {
		one = xasprintf("others %.0f times", others);
		add_text(&text, one);
		free(one);
	}
	a->evidence = evidence;
	/* The evidence was counted before the sample was taken. */
	if (text)
		append(&a->evidence, "; seen per second in a later sample: %s",
		       text);
	free(text);
}

/*
 * Windows' own hypervisor leaves most devices to the Windows that runs in it, whose
 * accesses come here as those of a guest inside the guest.
 */
static void add_inside(const struct facts *f, struct load *load)
{
	struct load inside = load_of(f, &devices, 3);
	double share = 0;

	l3_share_handled(f, &devices, &share);
	load->rate += share * inside.rate;
	load->parts[PART_KERNEL] += share * inside.parts[PART_KERNEL];
	/* Of an exit that is reflected the VMM knows nothing. */
	load->parts[PART_VMM] += inside.parts[PART_VMM];
}

/* The time in the VMM is theirs in any case: it serves no faults for memory. */
struct load device_load(const struct facts *f)
{
	struct load load = load_of(f, &devices, 2);
	struct load fault = device_faults(f);

	add_inside(f, &load);
	load.rate += fault.rate;
	load.parts[PART_KERNEL] += fault.parts[PART_KERNEL];
	load.parts[PART_VMM] += load_of(f, &faults, 2).parts[PART_VMM];
	return load;
}

static bool is_storm(const struct facts *f, const struct load *load, double rate)
{
	struct gain gain = gain_of(f, load->parts[PART_KERNEL], load->rate);

	return (is_often(f, rate, 1000) || takes_much(f, load->parts[PART_KERNEL])) &&
	       is_worth_it(f, &gain);
}

/* Who wakes a guest that halts often is seen by the MSRs that it writes. */
static bool are_halts_many(const struct facts *f, const struct load *msr)
{
	struct load halt = load_of(f, &halts, 2);

	return is_often_on_vcpu(f, &halts, 500) && msr->rate > halt.rate / 2;
}

bool vmm_emulates(const struct facts *f, const struct load *device)
{
	double vmm = device->parts[PART_VMM];

	return (is_often(f, device->rate, 100) && is_often(f, vmm, 0.02)) || takes_much(f, vmm);
}

bool accesses_matter(const struct facts *f)
{
	struct load device = device_load(f), msr = load_of(f, &msrs, 2);

	return vmm_emulates(f, &device) ||
	       is_storm(f, &device, device.rate) ||
	       is_storm(f, &msr, busiest_rate(f, &msrs)) || are_halts_many(f, &msr);
}
