// SPDX-License-Identifier: GPL-2.0
/* Exits for the local APIC's page. */
#include "base/util.h"
#include "explain/cause.h"
#include "explain/device.h"
#include "explain/feature.h"

static const struct reasons pages = {
	{ "APIC_ACCESS", "APIC_WRITE", "EOI_INDUCED" }
};
static const struct reasons eois = { { "EOI_INDUCED" } };
static const struct reasons accesses = { { "APIC_ACCESS" } };
static const struct reasons writes = { { "APIC_WRITE" } };

static bool uses_page(const struct facts *f, struct advice *a)
{
	struct load page = load_of(f, &pages, 2);

	a->gain = gain_of(f, page.parts[PART_KERNEL], page.rate);
	if (!is_much_on_vcpu(f, &pages, 500) || !is_worth_it(f, &a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits per second for the local APIC; they take KVM %.2f s of each second",
				page.rate, page.parts[PART_KERNEL]);
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

/* Half of them are shown, a fifth not ruled out. */
static enum answer are_mostly(const struct facts *f, const struct reasons *reasons,
			      const char *what, char **seen)
{
	double share = load_of(f, reasons, 2).rate / load_of(f, &pages, 2).rate;

	*seen = xasprintf("%.0f %% of them are %s", 100 * share, what);
	return share >= 0.5 ? ANSWER_YES : share < 0.2 ? ANSWER_NO : ANSWER_UNKNOWN;
}

static enum answer are_accesses(const struct facts *f, char **seen)
{
	return are_mostly(f, &accesses, "accesses to the APIC's page (APIC_ACCESS)", seen);
}

/* KVM has this reason only where APICv has handled the write itself. */
static enum answer are_writes(const struct facts *f, char **seen)
{
	return are_mostly(f, &writes, "for writes that APICv has handled (APIC_WRITE)", seen);
}

/* A guest that uses the APIC's MSRs has no use for its page; without them it may have halted. */
static enum answer uses_x2apic(const struct facts *f, char **seen)
{
	if (!f->is_sampled) {
		*seen = xstrdup(NOT_SAMPLED);
		return ANSWER_UNKNOWN;
	}
	if (access_msrs(&f->accesses, 0x800, 0x8ff) > 0) {
		*seen = xstrdup("the guest uses x2APIC's MSRs");
		return ANSWER_YES;
	}
	*seen = xstrdup("x2APIC's MSRs are not in the sample");
	return ANSWER_NO;
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
		"apicv-inhibited", "APICv switched off for this VM", "VMM and guest",
		"the guest loses what switches it off",
		{ { are_accesses, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { uses_apicv, VERDICT_OPEN, VERDICT_RULED_OUT } },
		APICV_INHIBITED_HOW, APICV_INHIBITED_CHANGE, gain_of_part,
	}, {
		"apic-writes", "writes that APICv leaves to KVM", "guest",
		"less runs in parallel; what sets timers may need them",
		{ { are_writes, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { lacks_apicv, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"perf record -e kvm:kvm_apic -p PID: which registers are written",
		"fewer IPIs between vCPUs (fewer vCPUs, or threads that stay on theirs) and fewer timers: perf record -e kvm:kvm_apic -p PID says which registers are written",
		gain_of_part,
	}, {
		"x2apic", "the APIC by MMIO (xAPIC)", "VMM and guest",
		"old guests may not have x2APIC",
		{ { are_accesses, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { uses_x2apic, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"x2apic in the guest's /proc/cpuinfo",
		.change_of = avoid_apic_page, .gain = gain_of_part,
		.change_for_all = "offer x2APIC to all: -cpu host or -cpu MODEL,+x2apic",
	},
};

const struct symptom symptom_apic = {
	"apic", "exits for the local APIC", CAUSES(causes), uses_page, &pages,
};
