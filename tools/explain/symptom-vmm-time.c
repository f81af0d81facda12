// SPDX-License-Identifier: GPL-2.0
/* The VMM's own CPU time on vCPU threads, for exits that are no accesses to devices. */
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/device.h"
#include "explain/vmm-devices.h"

static const struct reasons devices = {
	{ "IO_INSTRUCTION", "io", "EPT_MISCONFIG", "EPT_VIOLATION", "npf" }
};
/* Not those that VMMs ask for: of exceptions (a debugger), and of interrupt windows. */
static const struct reasons interrupts = { {
	"EXTERNAL_INTERRUPT", "interrupt", "NMI_WINDOW", "PREEMPTION_TIMER", "nmi",
} };
/* A VMM with interrupt controllers of its own asks KVM to tell when it can inject. */
static const struct reasons windows = { { "INTERRUPT_WINDOW", "vintr" } };
static const struct reasons exceptions = { { "EXCEPTION_NMI", "DB_excp", "BP_excp" } };
static const struct reasons msrs = { { "MSR_WRITE", "MSR_READ", "msr" } };
static const struct reasons msr_writes = { { "MSR_WRITE", "msr" } };
/* KVM serves the local APIC itself: of its accesses only EOIs can end KVM_RUN. */
static const struct reasons apic = { {
	"EOI_INDUCED", "APIC_ACCESS", "APIC_WRITE", "avic_unaccelerated_access",
} };
static const struct reasons calls = { { "VMCALL", "hypercall" } };
/* Accesses to devices are among them. */
static const struct reasons protected = { { "vmgexit" } };

/* Also while it runs a guest inside it: a signal ends KVM_RUN at either level. */
static double vmm_of(const struct facts *f, const struct reasons *reasons)
{
	return load_of_both(f, reasons).parts[PART_VMM];
}

static double vmm_of_rest(const struct facts *f)
{
	return vmm_of(f, &all_reasons) - vmm_of(f, &devices);
}

static bool is_busy(const struct facts *f, struct advice *a)
{
	double cpus = vmm_of_rest(f);

	if (!is_often(f, cpus, 0.05))
		return false;
	a->gain = gain_at_most(cpus);
	a->evidence = xasprintf("its VMM takes %.2f s of each second on vCPU threads for exits other than device accesses",
				cpus);
	if (vmm_of(f, &protected) > 0)
		append(&a->evidence, "; those of a guest with encrypted registers (vmgexit) are counted here, also if they are device accesses");
	return true;
}

static bool is_most_of_it(const struct facts *f, const struct reasons *reasons)
{
	return vmm_of(f, reasons) >= vmm_of_rest(f) / 2;
}

static enum answer is_mostly(const struct facts *f, const struct reasons *reasons,
			     const char *what, char **seen)
{
	*seen = xasprintf("%.2f s of it is for %s", vmm_of(f, reasons), what);
	return is_most_of_it(f, reasons) ? ANSWER_YES : ANSWER_NO;
}

static enum answer serves_halts(const struct facts *f, char **seen)
{
	return is_mostly(f, &halts, "HLT", seen);
}

#define IRQCHIPS (BIT_OF(ACCESS_PIC) | BIT_OF(ACCESS_IO_APIC) | BIT_OF(ACCESS_APIC_PAGE))

/*
 * A VMM with interrupt controllers of its own serves accesses to them, and waits for
 * windows to inject. A sandbox without devices also does, rarely, to stop its guest.
 */
static enum answer has_irqchip(const struct facts *f, char **seen)
{
	double rate = load_of(f, &windows, 2).rate;

	if (is_qemu(f)) {
		*seen = xstrdup("the VMM is QEMU, whose guests wait by HLT");
		return ANSWER_YES;
	}
	if (access_part(f, SERVED_BY_VMM, IRQCHIPS) > 0) {
		*seen = xstrdup("the VMM serves accesses to interrupt controllers");
		return ANSWER_YES;
	}
	*seen = xasprintf("%.0f exits per second for interrupt windows", rate);
	return rate > 0 && rate >= load_of(f, &halts, 2).rate / 10 ? ANSWER_YES : ANSWER_UNKNOWN;
}

static enum answer is_kicked(const struct facts *f, char **seen)
{
	return is_mostly(f, &interrupts, "interrupts of this machine and of KVM", seen);
}

static enum answer serves_windows(const struct facts *f, char **seen)
{
	return is_mostly(f, &windows, "interrupt windows", seen);
}

static enum answer serves_exceptions(const struct facts *f, char **seen)
{
	return is_mostly(f, &exceptions, "exceptions", seen);
}

#define EOIS (BIT_OF(ACCESS_EOI) | BIT_OF(ACCESS_HYPERV_EOI))

/* An EOI by an MSR is one that KVM serves, and has in its trace events, but it ends KVM_RUN. */
static enum answer are_msrs_eois(const struct facts *f, char **seen)
{
	double part = access_part(f, SERVED_MSR, EOIS);

	if (vmm_of(f, &msr_writes) < vmm_of(f, &msrs) / 2) {
		*seen = xstrdup("most of the MSRs are read");
		return ANSWER_NO;
	}
	if (!f->is_sampled) {
		*seen = xstrdup(NOT_SAMPLED);
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("%.0f %% of the MSRs in the sample, which KVM serves, are ends of interrupts (EOI)",
			  100 * part);
	return part >= 0.5 ? ANSWER_YES : part > 0 ? ANSWER_UNKNOWN : ANSWER_NO;
}

/* What an I/O APIC of the VMM waits for, though the local APICs are KVM's. */
static enum answer awaits_eois(const struct facts *f, char **seen)
{
	if (is_most_of_it(f, &msrs))
		return are_msrs_eois(f, seen);
	return is_mostly(f, &apic, "the local APIC", seen);
}

static enum answer serves_msrs(const struct facts *f, char **seen)
{
	enum answer eois;

	if (!is_most_of_it(f, &msrs))
		return is_mostly(f, &msrs, "MSRs", seen);
	eois = are_msrs_eois(f, seen);
	return eois == ANSWER_NO ? ANSWER_YES : eois == ANSWER_YES ? ANSWER_NO : eois;
}

static enum answer serves_protected(const struct facts *f, char **seen)
{
	return is_mostly(f, &protected, "calls of a guest with encrypted registers", seen);
}

static enum answer serves_calls(const struct facts *f, char **seen)
{
	return is_mostly(f, &calls, "hypercalls", seen);
}

/*
 * KVM then serves the exits that are most of it without returning to the VMM: the
 * time of that return is saved as well.
 */
static struct gain served_by_kvm(const struct facts *f, const struct gain *all)
{
	static const struct reasons *const kinds[] = {
		&halts, &windows, &msrs, &apic, &calls,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct load load = load_of_both(f, kinds[i]);

		if (is_most_of_it(f, kinds[i]))
			return gain_at_most(load.parts[PART_VMM] + load.parts[PART_KERNEL]);
	}
	return *all;
}

#define OF(clue)	{ { clue, VERDICT_SHOWN, VERDICT_RULED_OUT } }

static const struct cause causes[] = {
	{
		"vmm-halts", "HLT handled by the VMM", "VMM",
		"none for guests that run with KVM's interrupt controllers",
		{ { serves_halts, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { has_irqchip, VERDICT_SHOWN, VERDICT_OPEN } },
		"the VMM's options: has it interrupt controllers of its own (QEMU -machine kernel-irqchip=off)",
		"KVM's local APICs, with which no HLT reaches the VMM: QEMU -machine kernel-irqchip=on (" OR_SPLIT ")",
		.gain = served_by_kvm,
	}, {
		"halt-calls", "HLT by which the guest calls its VMM", "VMM and guest", "none",
		{ { serves_halts, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { has_irqchip, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"the VMM's documentation: gVisor, unikernels and other sandboxes return to their host so",
		"nothing, if the guest has to call the VMM so often",
		gain_not_counted,
	}, {
		"vmm-kicks", "signals that interrupt KVM_RUN", "VMM",
		"depends on what they are for",
		OF(is_kicked), "perf trace -e ioctl -p PID: KVM_RUN that returns EINTR",
		"fewer signals to its vCPUs: fewer pauses and queries (a monitor's queries, dirty rate limits, profiling of the VMM)",
	}, {
		"vmm-windows", "interrupt windows for the VMM's interrupt controllers", "VMM",
		"none for guests that run with KVM's interrupt controllers",
		OF(serves_windows), "l1tune stat: VMM of INTERRUPT_WINDOW or vintr",
		"KVM's local APICs, which inject interrupts without the VMM: QEMU -machine kernel-irqchip=on (" OR_SPLIT ")",
		.gain = served_by_kvm,
	}, {
		"vmm-debugger", "breakpoints and single steps of a debugger", "VMM", "no debugging",
		/* With VMX this machine's NMIs are in it, and a signal can come with one. */
		{ { serves_exceptions, VERDICT_OPEN, VERDICT_RULED_OUT } },
		"who is connected to the VMM's gdbstub",
		"no breakpoints or single steps from outside the guest",
	}, {
		"vmm-eois", "ends of interrupts that the VMM's I/O APIC waits for", "VMM and guest",
		"the guest needs the driver",
		OF(awaits_eois), "perf trace -e ioctl -p PID: KVM_RUN that returns 0; perf record -e kvm:kvm_userspace_exit,kvm:kvm_msr -p PID: KVM_EXIT_IOAPIC_EOI (26)",
		"devices with MSIs, whose interrupts have no such ends: virtio over PCI, and in the guest no pci=nomsi; or KVM's I/O APIC, if nothing needs the VMM's: QEMU -machine kernel-irqchip=on (" OR_SPLIT ")",
		.gain = served_by_kvm,
	}, {
		"vmm-msrs", "MSRs handled by the VMM", "VMM", "depends on which they are",
		OF(serves_msrs), "perf record -e kvm:kvm_msr -p PID",
		"an MSR filter with fewer MSRs (KVM_X86_SET_MSR_FILTER)",
		.gain = served_by_kvm,
	}, {
		"vmm-hypercalls", "hypercalls handled by the VMM", "VMM and guest",
		"depends on which they are",
		OF(serves_calls), "perf record -e kvm:kvm_hypercall,kvm:kvm_hv_hypercall -p PID",
		"KVM's own devices instead of Xen's or Hyper-V's that the VMM emulates: virtio",
		.gain = served_by_kvm,
	}, {
		"vmm-protected", PROTECTED ", handled by the VMM", "VMM and guest",
		"depends on what they are for",
		OF(serves_protected), PROTECTED_HOW, PROTECTED_CHANGE,
	},
};

const struct symptom symptom_vmm_time = {
	"vmm-time", "the VMM's time for other exits", CAUSES(causes), is_busy,
};
