// SPDX-License-Identifier: GPL-2.0
/* Exits for the local APIC's page. */
#include "base/util.h"
#include "explain/cause.h"
#include "explain/feature.h"

static const struct reasons pages = {
	{ "APIC_ACCESS", "APIC_WRITE", "EOI_INDUCED" }
};
static const struct reasons eois = { { "EOI_INDUCED" } };

static bool uses_page(const struct facts *f, struct advice *a)
{
	struct load page = load_of(f, &pages, 2);

	a->gain = gain_of(f, page.parts[PART_KERNEL], page.rate);
	if (!is_often_on_vcpu(f, &pages, 500) || !is_worth_it(f, &a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits per second for the local APIC",
				page.rate);
	return true;
}

/* KVM has to know of the end of an interrupt whose line stays up until then. */
static enum answer are_level(const struct facts *f, char **seen)
{
	double share = load_of(f, &eois, 2).rate / load_of(f, &pages, 2).rate;

	*seen = xasprintf("%.0f %% of them are for EOIs (EOI_INDUCED)",
			  100 * share);
	return share >= 0.5 ? ANSWER_YES : ANSWER_NO;
}

static const struct cause causes[] = {
	{
		"level-interrupts", "level-triggered interrupts", "VMM and guest",
		"the guest needs the driver",
		{ { are_level, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1tune stat: EOI_INDUCED; in the guest fasteoi in /proc/interrupts",
		"devices with MSIs: virtio over PCI, and in the guest no pci=nomsi",
		gain_of_part,
	}, {
		"apicv", "APICv is not used", "L1", "all guests must stop for it",
		{ { lacks_apicv, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1tune caps",
		.change_of = use_apicv, .gain = gain_of_part,
		.change_for_all = "reload kvm_intel with enable_apicv=1",
	}, {
		"x2apic", "the APIC by MMIO (xAPIC)", "VMM and guest",
		"old guests may not have x2APIC",
		{ { are_level, VERDICT_RULED_OUT, VERDICT_SHOWN } },
		"x2apic in the guest's /proc/cpuinfo",
		"offer x2APIC: QEMU -cpu host or -cpu MODEL,+x2apic; in a Linux guest without nox2apic",
		gain_of_part,
		.change_for_all = "offer x2APIC to all: -cpu host or -cpu MODEL,+x2apic",
	},
};

const struct symptom symptom_apic = {
	"apic", "exits for the local APIC", CAUSES(causes), uses_page,
};
