// SPDX-License-Identifier: GPL-2.0
/* Guests inside a guest: what they are for decides what can be done. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/interface.h"
#include "explain/small-pages.h"

static const struct reasons instructions = { {
	"VMCLEAR", "VMLAUNCH", "VMPTRLD", "VMPTRST", "VMREAD", "VMRESUME",
	"VMWRITE", "VMOFF", "VMON", "INVEPT", "INVVPID",
	"vmrun", "vmload", "vmsave", "stgi", "clgi", "invlpga",
} };

static const struct reasons faults = { { "EPT_VIOLATION", "npf" } };

/* What its hypervisor intercepts for shadow page tables; EXCEPTION_NMI has page faults. */
static const struct reasons of_page_tables = { {
	"EXCEPTION_NMI", "CR_ACCESS", "INVLPG", "PF_excp", "read_cr3", "write_cr0", "write_cr3",
	"write_cr4", "invlpg",
} };

/* Interrupts of this machine come wherever the guest runs: another symptom is about these. */
static struct load exits_inside(const struct facts *f)
{
	static const struct reasons interrupts = { { "EXTERNAL_INTERRUPT", "interrupt", "nmi" } };
	struct load inside = load_of(f, &all_reasons, 3), others = load_of(f, &interrupts, 3);

	inside.rate -= others.rate;
	inside.parts[PART_KERNEL] -= others.parts[PART_KERNEL];
	return inside;
}

/*
 * Run next to this guest instead of inside it, the nested guest needs no VMRESUME and
 * the like. It still has its exits; those that its own hypervisor serves become cheaper.
 */
static bool nests(const struct facts *f, struct advice *a)
{
	struct load inside = exits_inside(f);
	struct load own = load_of(f, &instructions, 2);

	a->gain = gain_of(f, own.parts[PART_KERNEL], own.rate);
	a->gain.high += inside.parts[PART_KERNEL];
	/* What a hypervisor does between its guests' exits, such as INVEPT, may cost more. */
	if (!(is_often(f, inside.rate, 100) || is_often(f, own.rate, 1000)) ||
	    !is_often(f, a->gain.high, 0.02))
		return false;
	a->evidence = xasprintf("%.0f exits per second of guests inside this guest, beside interrupts of this machine, and %.0f of its VMX or SVM instructions",
				inside.rate, own.rate);
	return true;
}

/* Whose page tables the guest inside ran on last: of all vCPUs that ran one. */
static enum answer is_paging_shadowed(const struct facts *f)
{
	enum answer answer = ANSWER_UNKNOWN;
	size_t i;

	for (i = 0; i < f->guest->num_vcpus; i++) {
		const struct l3_vcpu *l3 = &f->guest->vcpus[i].l3;

		if (!strcmp(l3->paging, "shadow"))
			return ANSWER_YES;
		if (!strcmp(l3->paging, "nested"))
			answer = ANSWER_NO;
	}
	return answer;
}

/* Of the exits of guests inside; none of none. */
static double share_inside(const struct facts *f, double rate)
{
	double all = load_of(f, &all_reasons, 3).rate;

	return all > 0 ? rate / all : 0;
}

/* And is a quarter of its exits of that kind? With less than a tenth it does not matter. */
static enum answer pages_by_shadow(const struct facts *f, char **seen)
{
	enum answer answer = is_paging_shadowed(f);
	double share = share_inside(f, load_of(f, &of_page_tables, 3).rate);

	*seen = xasprintf("the guest inside runs on %s; %.0f %% of its exits are exceptions, control registers and INVLPG",
			  answer == ANSWER_YES ? "shadow page tables of its hypervisor" :
			  answer == ANSWER_NO ? "EPT or NPT" : "page tables of unknown kind",
			  100 * share);
	if (share < 0.1)
		return ANSWER_NO;
	return answer == ANSWER_YES && share < 0.25 ? ANSWER_UNKNOWN : answer;
}

/* Faults of guests inside that KVM serves itself: pages that it maps for both layers at once. */
static bool faults_served_here(const struct facts *f, struct load *served)
{
	double share;

	if (!l3_share_handled(f, &faults, &share))
		return false;
	*served = load_of(f, &faults, 3);
	served->rate *= share;
	served->parts[PART_KERNEL] *= share;
	return true;
}

/* No more than all of its faults, by the reason of its exits: these are known without its counts. */
static bool are_faults_few(const struct facts *f, char **seen)
{
	double share = share_inside(f, load_of(f, &faults, 3).rate);

	if (share >= 0.1)
		return false;
	*seen = xasprintf("%.0f %% of the exits of the guest inside are EPT/NPT faults", 100 * share);
	return true;
}

/* A page is as large for a guest inside as it is in both layers, the smaller of the two. */
static enum answer maps_for_inner(const struct facts *f, char **seen)
{
	struct load served;
	double share;

	if (are_faults_few(f, seen))
		return ANSWER_NO;
	if (!faults_served_here(f, &served)) {
		*seen = xstrdup("which of its faults KVM serves itself is not known");
		return ANSWER_UNKNOWN;
	}
	share = share_inside(f, served.rate);
	*seen = xasprintf("%.0f %% of the exits of the guest inside are EPT/NPT faults that KVM serves itself; they take KVM %.2f s of each second",
			  100 * share, served.parts[PART_KERNEL]);
	return share >= 0.25 ? ANSWER_YES : share < 0.1 ? ANSWER_NO : ANSWER_UNKNOWN;
}

static struct gain inner_faults_gain(const struct facts *f, const struct gain *all)
{
	struct load served;
	struct gain gain;

	if (!faults_served_here(f, &served))
		return gain_of_part(f, all);
	gain = gain_of(f, served.parts[PART_KERNEL], served.rate);
	return gain_of_part(f, &gain);
}

static char *map_larger(const struct facts *f)
{
	return or_collapse(f, xstrdup("huge pages in both layers, as KVM maps 2M for a guest inside only where the guest's memory has them on this machine and its own guest's memory has them inside: transparent_hugepage/enabled or hugetlbfs, here and in the guest. Where guests inside have just started, it ends when they have touched their memory; for others, no balloon, no dirty logging and no moved pages inside"));
}

/*
 * Windows also runs without any of Hyper-V's interface, and not every VMM's command
 * line shows it: only use of KVM's interface shows that it is another system.
 */
static enum answer is_windows(const struct facts *f, char **seen)
{
	return is_hyperv(interface_of(f, seen));
}

/* What is only offered Hyper-V's interface need not be Windows. */
static enum answer uses_hyperv(const struct facts *f, char **seen)
{
	return interface_of(f, seen) == INTERFACE_HYPERV ? ANSWER_YES : ANSWER_UNKNOWN;
}

/* It is unknown which of the two it is: the advice has both changes. */
static enum answer is_of_any(const struct facts *f, char **seen)
{
	if (interface_of(f, seen) != INTERFACE_UNKNOWN)
		return ANSWER_NO;
	return f->cmdline_len ? ANSWER_YES : ANSWER_UNKNOWN;
}

#define BESIDE	"run the inner guest as a guest of this machine instead; for containers a runtime without VMs (Docker Engine, not Docker Desktop)"

/* What makes its hypervisor cost less. QEMU ends with the enlightened VMCS where it is not VMX. */
static const char *keep_hyperv(const struct facts *f)
{
	if (!strcmp(f->host->isa, "vmx"))
		return offers_hyperv(f, "evmcs") ? "" :
		       "; if it must stay: QEMU -cpu MODEL,hv-vapic,hv-evmcs";
	return offers_hyperv(f, "emsr-bitmap") && offers_hyperv(f, "tlbflush-direct") ? "" :
	       "; if it must stay: QEMU -cpu MODEL,hv-vapic,hv-emsr-bitmap,hv-tlbflush-direct (from QEMU 7.1 on)";
}

static char *no_hyperv(const struct facts *f)
{
	bool is_vmx = !strcmp(f->host->isa, "vmx");

	return xasprintf("in Windows switch off what uses its hypervisor: memory integrity and Credential Guard (virtualization-based security; msinfo32 says whether it runs), WSL 2, Hyper-V, Sandbox (bcdedit /set hypervisorlaunchtype off); or a CPU without %s: QEMU -cpu MODEL,%s=off%s",
			 is_vmx ? "VMX" : "SVM", is_vmx ? "vmx" : "svm", keep_hyperv(f));
}

static char *either(const struct facts *f)
{
	char *windows = no_hyperv(f);
	char *text = xasprintf("find out which OS the guest runs. Not Windows: " BESIDE ". Windows: %s",
			       windows);

	free(windows);
	return text;
}

static const struct cause causes[] = {
	{
		"inner-shadow-paging", "shadow page tables of a guest inside the guest",
		"guest and VMM", "all guests inside must stop for it",
		{ { pages_by_shadow, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1tune nested: PAGING",
		"EPT or NPT for the guest inside: in the guest load KVM with ept=1 or npt=1 (/sys/module/kvm_intel/parameters/ept, /sys/module/kvm_amd/parameters/npt). If the guest is not offered it: QEMU -cpu host, or -cpu MODEL,vmx-ept=on or MODEL,npt=on, with a KVM on this machine that uses it itself (l1tune caps)",
		gain_of_part,
	}, {
		"windows-hypervisor", "Windows' own hypervisor", "guest and VMM",
		"Windows is less protected; programs that need its hypervisor do not start",
		{ { is_windows, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"the guest's configuration, or ask its user",
		.change_of = no_hyperv, .gain = gain_of_part,
	}, {
		"inner-faults", "memory of guests inside the guest", "L1 and guest",
		"memory of huge pages is taken at once, and kept",
		{ { maps_for_inner, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1tune nested GUEST: HANDLED of EPT_VIOLATION or npf",
		.change_of = map_larger, .gain = inner_faults_gain,
	}, {
		"nesting", "a guest inside the guest", "guest",
		"the outer guest no longer isolates it",
		{ { uses_hyperv, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"ask the guest's user: is /dev/kvm in use inside it",
		BESIDE,
	}, {
		"nested-hypervisor", "a hypervisor in a guest of unknown kind", "guest",
		"as for each of the two",
		{ { is_of_any, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"ask the guest's user",
		.change_of = either,
	},
};

const struct symptom symptom_nested_exits = {
	"nested-exits", "a guest inside a guest of unknown kind", CAUSES(causes), nests,
	&instructions,
};
