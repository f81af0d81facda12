// SPDX-License-Identifier: GPL-2.0
/* MSRs that exit: which one it is decides. */
#include <stdlib.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/device.h"
#include "explain/feature.h"
#include "explain/interface.h"

static const struct reasons msrs = { { "MSR_WRITE", "MSR_READ", "msr" } };
/* What an interrupt of a timer or of another vCPU costs beside the MSR. */
static const struct reasons with_interrupts = { {
	"MSR_WRITE", "MSR_READ", "msr", "PREEMPTION_TIMER", "HLT", "hlt",
	"INTERRUPT_WINDOW", "PENDING_INTERRUPT", "vintr",
} };

/* KVM's trace events, and so the sample, have those that KVM serves. */
static bool are_filtered(const struct facts *f, const struct load *msr)
{
	return f->is_sampled && !access_all(f, SERVED_MSR) &&
	       msr->parts[PART_VMM] > 0;
}

static bool accesses(const struct facts *f, struct advice *a)
{
	struct load msr = load_of(f, &msrs, 2);

	if (are_filtered(f, &msr))
		return false;
	a->gain = gain_of(f, msr.parts[PART_KERNEL], msr.rate);
	if (!is_much_on_vcpu(f, &msrs, 1000) || !is_worth_it(f, &a->gain))
		return false;
	access_name(f, SERVED_MSR, a,
		    xasprintf("%.0f exits per second for MSRs; they take KVM %.2f s of each second",
			      msr.rate, msr.parts[PART_KERNEL]));
	return true;
}

#define APICV	(BIT_OF(ACCESS_EOI) | BIT_OF(ACCESS_APICV))
#define OTHERS	(BIT_OF(ACCESS_NAMED_MSR) | BIT_OF(ACCESS_STATE) | BIT_OF(ACCESS_UNKNOWN))
/* What a hypervisor reads and switches as it enters and leaves its guests. */
#define SWITCHED (BIT_OF(ACCESS_SPECULATION) | BIT_OF(ACCESS_BRANCHES) | \
		  BIT_OF(ACCESS_MODE) | BIT_OF(ACCESS_STATE))

CLASSES(apicv_msr, SERVED_MSR, APICV)
CLASSES(eoi, SERVED_MSR, BIT_OF(ACCESS_EOI))
CLASSES(hyperv_eoi, SERVED_MSR, BIT_OF(ACCESS_HYPERV_EOI))
CLASSES(timer, SERVED_MSR, BIT_OF(ACCESS_TIMER))
CLASSES(ipi, SERVED_MSR, BIT_OF(ACCESS_IPI))
CLASSES(clock, SERVED_MSR, BIT_OF(ACCESS_CLOCK_MSR))
CLASSES(reference, SERVED_MSR, BIT_OF(ACCESS_REFERENCE))
CLASSES(speculation, SERVED_MSR, BIT_OF(ACCESS_SPECULATION))
CLASSES(pmu, SERVED_MSR, BIT_OF(ACCESS_PMU))
CLASSES(branches, SERVED_MSR, BIT_OF(ACCESS_BRANCHES))
CLASSES(mode, SERVED_MSR, BIT_OF(ACCESS_MODE))
CLASSES(hypervisor, SERVED_MSR, BIT_OF(ACCESS_HYPERVISOR))
CLASSES(switched, SERVED_MSR, SWITCHED)
CLASSES(message, SERVED_MSR, BIT_OF(ACCESS_MESSAGE))
CLASSES(page_ready, SERVED_MSR, BIT_OF(ACCESS_PAGE_READY))
CLASSES(sensor, SERVED_MSR, BIT_OF(ACCESS_SENSOR))
CLASSES(other, SERVED_MSR, OTHERS)

static enum answer are_of_entries(const struct facts *f, char **seen)
{
	return can_be_of_entries(f, access_rate(&f->accesses, SWITCHED), seen) ?
	       ANSWER_YES : ANSWER_NO;
}

static enum answer is_switched_inside(const struct facts *f, char **seen)
{
	return and_then(f, is_switched(f, seen), are_of_entries, seen);
}

/* These may be its hypervisor's, which is another cause. */
static enum answer unless_switched(const struct facts *f, enum answer answer, char **seen)
{
	char *more = NULL;

	if (answer != ANSWER_YES || are_of_entries(f, &more) != ANSWER_YES) {
		free(more);
		return answer;
	}
	append(seen, "; %s", more);
	free(more);
	return ANSWER_UNKNOWN;
}

static enum answer are_own_branches(const struct facts *f, char **seen)
{
	return unless_switched(f, is_branches(f, seen), seen);
}

static enum answer is_own_speculation(const struct facts *f, char **seen)
{
	return unless_switched(f, is_speculation(f, seen), seen);
}

static enum answer is_own_mode(const struct facts *f, char **seen)
{
	return unless_switched(f, is_mode(f, seen), seen);
}

/* Timers that interrupt directly send no message that has to be ended. */
static char *fewer_messages(const struct facts *f)
{
	char *timers = fewer_timers(f), *text;

	if (offers_hyperv(f, "stimer-direct"))
		return timers;
	text = xasprintf("timers that interrupt the guest instead of sending it messages, if its Windows uses them: QEMU -cpu MODEL,hv-stimer-direct beside hv-stimer; or %s",
			 timers);
	free(timers);
	return text;
}

static char *less_use(const struct facts *f)
{
	char *names = access_names(f, SERVED_MSR, OTHERS);
	char *text = xasprintf("less use of %s in the guest; in a Linux guest: perf record -e msr:write_msr,msr:read_msr -ag",
			       names ? names : "them");

	free(names);
	return text;
}

/* Where KVM uses it, it is off for this VM: that is another cause. */
static bool is_apicv_in_use(const struct facts *f)
{
	char *seen = NULL;
	enum answer answer = uses_apicv(f, &seen);

	free(seen);
	return answer == ANSWER_YES;
}

#define LEFT "the exits left are for interrupts whose lines stay up, or with others pending"

static const char *kvm_eois(const struct facts *f)
{
	switch (pv_state_of(f, "pv_eoi")) {
	case PV_NOT_USED:
		return "let the guest use the PV EOI that it is offered: Linux does with CONFIG_KVM_GUEST, unless it runs on Hyper-V's interface or with nopv";
	case PV_USED:
		return "fewer interrupts. The guest uses PV EOI already: " LEFT;
	case PV_NOT_OFFERED:
		return "offer PV EOI, which is not offered now: QEMU -cpu MODEL,kvm-pv-eoi=on";
	default:
		return "QEMU -cpu MODEL,kvm-pv-eoi=on";
	}
}

static const char *hyperv_eois(const struct facts *f)
{
	return offers_hyperv(f, "vapic") ?
	       "fewer interrupts. The guest is offered hv-vapic, with which most EOIs need no exit: " LEFT :
	       "offer hv-vapic, with which most EOIs need no exit: QEMU -cpu MODEL,hv-vapic";
}

static char *fewer_eois(const struct facts *f)
{
	char *text = by_interface(f, hyperv_eois(f), kvm_eois(f));

	if (!is_apicv_in_use(f))
		append(&text, "; or APICv or AVIC, if l1tune caps says that L0 offers them (for Windows with QEMU -cpu MODEL,hv-apicv)");
	return text;
}

/*
 * KVM always intercepts this MSR, and tells a guest that its next EOI needs no exit only where
 * neither APICv nor AVIC is in use.
 */
static char *fewer_hyperv_eois(const struct facts *f)
{
	if (is_apicv_in_use(f))
		return xstrdup("EOIs by the APIC's own register, which need no exit here: QEMU -cpu MODEL,hv-vapic=off, with hv-apicv if it has hv-synic");
	return xasprintf("%s; or APICv or AVIC, if l1tune caps says that L0 offers them, with QEMU -cpu MODEL,hv-vapic=off,hv-apicv",
			 hyperv_eois(f));
}

#define FEWER_IPIS "fewer wake-ups from vCPU to vCPU (fewer vCPUs, or threads that stay on theirs)"

/* Whether a guest that makes hypercalls uses these is not known here. */
static const char *kvm_ipis(const struct facts *f)
{
	switch (pv_state_of(f, "pv_ipi")) {
	case PV_NOT_OFFERED:
		return FEWER_IPIS "; offer PV IPIs, which are not offered now and take one exit for many vCPUs: QEMU -cpu MODEL,kvm-pv-ipi=on";
	case PV_NOT_USED:
		return FEWER_IPIS "; let the guest use the PV IPIs that it is offered, which take one exit for many vCPUs: a Linux guest does unless it has nopv";
	default:
		return FEWER_IPIS "; QEMU -cpu MODEL,kvm-pv-ipi=on takes one exit for many vCPUs";
	}
}

static char *fewer_ipis(const struct facts *f)
{
	return by_interface(f, offers_hyperv(f, "ipi") ? FEWER_IPIS :
			    FEWER_IPIS "; offer hv-ipi, which takes one exit for many vCPUs: QEMU -cpu MODEL,hv-vpindex,hv-ipi",
			    kvm_ipis(f));
}

/* With an interrupt fewer go what it wakes and what ends it. */
static struct gain interrupts_gain(const struct facts *f, const struct gain *all)
{
	struct load load = load_of(f, &with_interrupts, 2);
	struct gain gain = gain_of(f, load.parts[PART_KERNEL], load.rate);

	(void)all;
	return gain_of_part(f, &gain);
}

#define HOW	"perf record -e kvm:kvm_msr -p PID"
#define OF(clue)	{ { is_##clue, VERDICT_SHOWN, VERDICT_RULED_OUT } }

static const struct cause causes[] = {
	{
		"apicv-msrs", "MSRs of the APIC that APICv handles", "L1",
		"all guests must stop for it",
		{ { is_apicv_msr, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { lacks_apicv, VERDICT_OPEN, VERDICT_RULED_OUT } },
		HOW,
		.change_of = use_apicv, .gain = gain_of_part,
		.part = part_of_apicv_msr,
		.change_for_all = "reload kvm_intel with enable_apicv=1",
	}, {
		"eoi", "ends of interrupts (EOI)", "VMM", "the guest must support it",
		{ { is_eoi, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { lacks_apicv, VERDICT_RULED_OUT, VERDICT_OPEN } },
		HOW,
		.change_of = fewer_eois, .gain = gain_of_part, .part = part_of_eoi,
	}, {
		"hyperv-eoi", "ends of interrupts (EOI) by Hyper-V's MSR", "VMM",
		"the guest must be started again; hv-evmcs needs hv-vapic",
		OF(hyperv_eoi), HOW,
		.change_of = fewer_hyperv_eois, .gain = gain_of_part,
		.part = part_of_hyperv_eoi,
	}, {
		"apicv-inhibited-msrs", "APICv switched off for this VM", "VMM and guest",
		"the guest loses what switches it off",
		{ { is_apicv_msr, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { uses_apicv, VERDICT_OPEN, VERDICT_RULED_OUT } },
		APICV_INHIBITED_HOW, APICV_INHIBITED_CHANGE, gain_of_part,
	}, {
		"guest-timers", "timers that the guest arms", "guest",
		"what sets them may need them",
		OF(timer), HOW,
		.change_of = fewer_timers, .gain = interrupts_gain, .part = part_of_timer,
	}, {
		"ipis", "IPIs between vCPUs", "guest and VMM",
		"less runs in parallel",
		OF(ipi), HOW,
		.change_of = fewer_ipis, .gain = interrupts_gain, .part = part_of_ipi,
	}, {
		"clock-msrs", "a clock that is registered again and again", "VMM and guest",
		"only a constant TSC works as a clock; QEMU neither migrates nor saves a guest with invtsc unless tsc-frequency= is set, too",
		OF(clock), HOW,
		"a constant TSC, which makes that unnecessary: QEMU -cpu MODEL,+invtsc",
		gain_of_part, .part = part_of_clock,
	}, {
		"reference-counter", "Hyper-V's reference counter", "VMM and L1",
		"the guest may need a reboot to use its page",
		OF(reference), HOW,
		.change_of = use_tsc_page, .gain = gain_of_part,
		.part = part_of_reference,
	}, {
		"inner-switches", "MSRs that a hypervisor inside the guest switches", "guest",
		"guests with the CPU of their hypervisor may not migrate to another one",
		{ { is_switched_inside, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		HOW ", and whether they end with the guests inside",
		"fewer exits of the guests inside (l1tune nested), or run these as guests of this machine. Guests that have the CPU of their hypervisor (inside: QEMU -cpu host) let it switch fewer: it writes XSS, XFD and SPEC_CTRL where theirs differ from its own. KVM reads DEBUGCTL at each entry from Linux 6.14 on, and in later releases of older kernels",
		gain_of_part, .part = part_of_switched,
	}, {
		"page-ready", "pages that the guest has waited for", "L1", LESS_MEMORY,
		OF(page_ready), HOW,
		"for each of these this machine had to read a page of the guest's memory first (asynchronous page faults): Swap in /proc/PID/smaps of the VMM says whether from swap, otherwise from a file. For swap: " KEEP_IN_MEMORY,
		gain_of_part, .part = part_of_page_ready,
	}, {
		"messages", "messages of Hyper-V's timers", "VMM and guest",
		"the guest must be started again",
		OF(message), HOW,
		.change_of = fewer_messages, .gain = interrupts_gain,
		.part = part_of_message,
	}, {
		"sensors", "reads of frequency, temperature and energy", "guest",
		"monitors lack values that a virtual CPU does not have",
		OF(sensor), HOW,
		"fewer reads of these in the guest: monitors such as turbostat, and collectors of power and temperature (in a Linux guest: perf record -e msr:read_msr -ag). Linux itself reads MPERF and APERF at each tick where the VMM offers them (CPUID leaf 6): do not offer them",
		gain_of_part, .part = part_of_sensor,
	}, {
		"speculation", "a guest mitigation that switches MSRs", "VMM and guest",
		"another mitigation may protect less",
		{ { is_own_speculation, VERDICT_SHOWN, VERDICT_RULED_OUT } }, HOW,
		"a guest mitigation that switches no MSRs: QEMU -cpu host offers what the CPU has, the guest's /sys/devices/system/cpu/vulnerabilities/spectre_v2 says what it does; fewer tasks that ask for IBPB (spectre_v2_user=prctl)",
		gain_of_part, .part = part_of_speculation,
	}, {
		"pmu", "profiling in the guest", "VMM and guest", "no profiling",
		OF(pmu), HOW,
		"no profiling in the guest: nmi_watchdog=0, no perf; or QEMU -cpu MODEL,pmu=off",
		gain_of_part, .part = part_of_pmu,
	}, {
		"branches", "branch tracing in the guest", "guest", "no branch traces",
		{ { are_own_branches, VERDICT_SHOWN, VERDICT_RULED_OUT } }, HOW,
		"no branch tracing in the guest (perf record -b, a debugger)",
		gain_of_part, .part = part_of_branches,
	}, {
		"modes", "a guest that changes its mode", "guest",
		"what changes it may need to",
		{ { is_own_mode, VERDICT_SHOWN, VERDICT_RULED_OUT } }, HOW,
		"a guest that stays in one mode: firmware changes it, or a hypervisor inside the guest",
		gain_of_part, .part = part_of_mode,
	}, {
		"svm-on-and-off", "a nested hypervisor switched on and off", "guest",
		"what switches it may need to",
		OF(hypervisor), HOW,
		"a hypervisor inside the guest that stays on between its guests",
		gain_of_part, .part = part_of_hypervisor,
	}, {
		"other-msrs", "other MSRs", "guest", "what uses them may need them",
		OF(other), HOW,
		.change_of = less_use, .gain = gain_of_part, .part = part_of_other,
	},
};

const struct symptom symptom_msrs = {
	"msrs", "MSRs that exit", CAUSES(causes), accesses, &msrs,
};
