// SPDX-License-Identifier: GPL-2.0
/* Rules on ports, addresses and MSRs: what to change depends on which they are. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/load.h"
#include "explain/rules-access.h"

static const struct reasons devices = {
	{ "IO_INSTRUCTION", "io", "EPT_MISCONFIG" }
};
/* On CPUs without EPT_MISCONFIG an access by address is a fault like one for memory. */
static const struct reasons faults = { { "npf" } };
static const struct reasons msrs = { { "MSR_WRITE", "MSR_READ", "msr" } };

#define MAX_NAMED	4

/* Of many the most frequent ones are named, as far as they matter. */
struct named {
	const struct access_group *v[MAX_NAMED];
	size_t num;
	/* In a second, of all that were asked for, and of those. */
	double all, rate;
};

static double rate_of(const struct access_group *group)
{
	return group->reads + group->writes;
}

/* Writes that signal an ioeventfd never reach the VMM. */
static bool is_by_vmm(const struct access_group *group)
{
	return group->by_vmm > rate_of(group) / 2;
}

static bool is_by_kvm(const struct access_group *group)
{
	return group->known && group->known->by_kvm && !is_by_vmm(group);
}

static bool is_msr(const struct access_group *group)
{
	return group->kind == ACCESS_MSR;
}

static struct named name_those(const struct facts *f,
			       bool (*matches)(const struct access_group *group))
{
	struct named named = { };
	size_t i;

	for (i = 0; i < f->accesses.num; i++)
		if (matches(&f->accesses.v[i]))
			named.all += rate_of(&f->accesses.v[i]);
	for (i = 0; i < f->accesses.num && named.num < MAX_NAMED; i++) {
		const struct access_group *group = &f->accesses.v[i];

		if (!matches(group) || rate_of(group) < named.all / 20)
			continue;
		named.v[named.num++] = group;
		named.rate += rate_of(group);
	}
	return named;
}

/* Takes both, and is the first one with the second one behind it. */
static char *join(char *text, const char *separator, char *more)
{
	char *joined = text ? xasprintf("%s%s%s", text, separator, more) :
			      xstrdup(more);

	free(text);
	free(more);
	return joined;
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

/* What was seen of them, to follow what was counted of all. */
static char *named_text(const struct named *named)
{
	char *text = NULL;
	size_t i;

	for (i = 0; i < named->num; i++)
		text = join(text, ", ", one_text(named->v[i]));
	if (named->all - named->rate >= 0.5)
		text = join(text, ", ", xasprintf("others %.0f times",
						  named->all - named->rate));
	return text;
}

/* What names nothing that is known: who has the guest can find out. */
static char *change_of_unknown(enum access_kind kind, char *what)
{
	char *text = kind == ACCESS_MSR ?
		xasprintf("less of what uses %s in the guest; in a Linux guest: perf record -e msr:write_msr,msr:read_msr -ag",
			  what) :
		xasprintf("virtio with ioeventfd or vhost for what has %s: /proc/ioports and /proc/iomem in the guest name it",
			  what);

	free(what);
	return text;
}

static bool is_changed_by(const struct access_group *group, const char *change)
{
	return group->known && group->known->change == change;
}

/* Of the first one and those that make up a fifth, each change once. */
static char *change_of(const struct named *named)
{
	char *text = NULL, *unknown = NULL;
	size_t i, j;

	for (i = 0; i < named->num; i++) {
		const struct access_group *group = named->v[i];
		const char *change = group->known ? group->known->change : NULL;

		if (i && rate_of(group) < named->all / 5)
			continue;
		for (j = 0; j < i && !is_changed_by(named->v[j], change); j++)
			;
		if (!change)
			unknown = join(unknown, ", ", access_text(group));
		else if (j == i)
			text = join(text, "; ", xstrdup(change));
	}
	return unknown ? join(text, "; ",
			      change_of_unknown(named->v[0]->kind, unknown)) :
			 text;
}

/* The evidence so far with what was seen, and the change that follows. */
static void tell_named(struct advice *a, const struct named *named,
		       char *evidence)
{
	size_t i;

	/* The evidence was counted before the sample was taken. */
	a->evidence = join(evidence, "; seen in a second of a sample after that: ",
			   named_text(named));
	a->change = change_of(named);
	a->accesses = xcalloc(named->num, sizeof(*a->accesses));
	for (i = 0; i < named->num; i++)
		a->accesses[i] = *named->v[i];
	a->num_accesses = named->num;
}

/* Which part of it can go is not known before it does. */
static struct gain some_of(const struct facts *f, double kernel, double rate)
{
	struct gain gain = gain_of(f, kernel, rate);

	gain.kind = f->transit.is_known ? GAIN_AT_MOST : GAIN_UNKNOWN;
	return gain;
}

static void add_load(struct load *load, const struct load *more, double share)
{
	enum time_part part;

	load->rate += more->rate * share;
	for (part = 0; part < NUM_PARTS; part++)
		load->parts[part] += more->parts[part] * share;
}

/*
 * Accesses to devices. How many of the faults are such only a sample says; the
 * time in the VMM is theirs in any case, as it serves no faults for memory.
 */
static struct load device_load(const struct facts *f)
{
	struct load load = load_of(f, &devices, 2), fault = load_of(f, &faults, 2);
	double mmio = access_mmio(&f->accesses);
	double vmm = load.parts[PART_VMM] + fault.parts[PART_VMM];
	double share = fault.rate > mmio ? mmio / fault.rate : 1;

	if (fault.rate)
		add_load(&load, &fault, share);
	load.parts[PART_VMM] = vmm;
	return load;
}

/* The most that it can be before it is known which faults are accesses. */
static struct load possible_device_load(const struct facts *f)
{
	struct load load = load_of(f, &devices, 2), fault = load_of(f, &faults, 2);

	add_load(&load, &fault, 1);
	return load;
}

static bool is_busy_with_devices(const struct facts *f, const struct load *device)
{
	return is_often(f, device->rate, 100) &&
	       is_often(f, device->parts[PART_VMM], 0.02);
}

/* A storm of accesses that KVM serves by itself. */
static bool is_storm(const struct facts *f, const struct load *load)
{
	struct gain gain = some_of(f, load->parts[PART_KERNEL], load->rate);

	return is_often(f, load->rate, 1000) && is_worth_it(f, &gain);
}

bool accesses_matter(const struct facts *f)
{
	struct load device = possible_device_load(f);
	struct load msr = load_of(f, &msrs, 2);

	return is_busy_with_devices(f, &device) || is_storm(f, &device) ||
	       is_storm(f, &msr);
}

/*
 * An ioeventfd spares the VMM's time and keeps the exit. A device or clock that
 * is not used any more spares the exit, with KVM's time and the way to L0; that
 * is the bound where it may be one.
 */
static struct gain devices_gain(const struct facts *f, const struct load *device,
				const struct named *named)
{
	struct gain all = gain_of(f, device->parts[PART_KERNEL], device->rate);
	struct gain gain = gain_at_most(device->parts[PART_VMM]);
	bool may_end = !named->num;
	size_t i;

	for (i = 0; i < named->num; i++)
		may_end |= named->v[i]->known != NULL;
	if (!may_end)
		return gain;
	gain.high += all.high;
	gain.lacks_transit = all.lacks_transit;
	return gain;
}

bool emulates_devices(const struct facts *f, struct advice *a)
{
	struct load possible = possible_device_load(f);
	struct load device = f->is_sampled ? device_load(f) : possible;
	struct named named = name_those(f, is_by_vmm);
	char *evidence;

	a->gain = devices_gain(f, &device, &named);
	if (!is_busy_with_devices(f, &device))
		return false;
	evidence = xasprintf("%s%.0f accesses to devices in a second, for which the VMM takes %.2f s of it",
			     f->is_sampled || device.rate == load_of(f, &devices, 2).rate ?
			     "" : "at most ", device.rate, device.parts[PART_VMM]);
	if (named.num) {
		tell_named(a, &named, evidence);
		return true;
	}
	a->evidence = evidence;
	a->change = xasprintf("virtio with ioeventfd or vhost for the device that it is; which one: perf record -e kvm:kvm_pio,kvm:kvm_mmio -p %llu",
			      (unsigned long long)f->guest->guest.pid);
	return true;
}

bool kvm_emulates_devices(const struct facts *f, struct advice *a)
{
	struct load device = device_load(f);
	struct named named = name_those(f, is_by_kvm);
	double share;

	if (!named.num || !device.rate)
		return false;
	share = named.all < device.rate ? named.all / device.rate : 1;
	a->gain = some_of(f, device.parts[PART_KERNEL] * share, named.all);
	if (!is_often(f, named.all, 1000) || !is_worth_it(f, &a->gain))
		return false;
	tell_named(a, &named, xasprintf("%.0f accesses in a second to devices that KVM serves in about %.2f s of it",
					named.all,
					device.parts[PART_KERNEL] * share));
	return true;
}

bool accesses_msrs(const struct facts *f, struct advice *a)
{
	struct load msr = load_of(f, &msrs, 2);
	struct named named = name_those(f, is_msr);

	a->gain = some_of(f, msr.parts[PART_KERNEL], msr.rate);
	/* Without names there is no advice. */
	if (!named.num || !is_storm(f, &msr))
		return false;
	tell_named(a, &named, xasprintf("%.0f exits in a second for MSRs, on which KVM spends %.2f s of it",
					msr.rate, msr.parts[PART_KERNEL]));
	return true;
}
