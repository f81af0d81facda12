// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions, control registers and INVLPG that exit; and NMIs of this machine, for which
 * VMX has the reason of exceptions.
 */
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/feature.h"

/* Of SVM those that KVM intercepts at times. */
static const struct reasons exceptions = { {
	"EXCEPTION_NMI", "CR_ACCESS", "INVLPG",
	"DB_excp", "BP_excp", "UD_excp", "NM_excp", "GP_excp", "PF_excp", "AC_excp", "MC_excp",
	"read_cr0", "read_cr3", "read_cr4", "write_cr0", "write_cr3", "write_cr4",
	"cr0_sel_write", "invlpg", "nmi",
} };
static const struct reasons of_page_tables = { {
	"EXCEPTION_NMI", "CR_ACCESS", "INVLPG", "PF_excp", "read_cr0", "read_cr3", "read_cr4",
	"write_cr0", "write_cr3", "write_cr4", "cr0_sel_write", "invlpg",
} };
static const struct reasons of_debugging = { { "DB_excp", "BP_excp" } };
static const struct reasons nmis = { { "nmi" } };
static const struct reasons exceptions_or_nmis = { { "EXCEPTION_NMI" } };

static bool are_many(const struct facts *f, struct advice *a)
{
	struct load load = load_of(f, &exceptions, 2);

	a->gain = gain_of(f, load.parts[PART_KERNEL], load.rate);
	if (!is_much_on_vcpu(f, &exceptions, 1000) || !is_worth_it(f, &a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits per second for exceptions or NMIs of this machine, control registers and INVLPG; they take KVM %.2f s of each second",
				load.rate, load.parts[PART_KERNEL]);
	return true;
}

static enum answer lacks_ept(const struct facts *f, char **seen)
{
	return lacks_feature(f, "ept", "kvm_intel.ept", seen);
}

static enum answer lacks_npt(const struct facts *f, char **seen)
{
	return lacks_feature(f, "npt", "kvm_amd.npt", seen);
}

/*
 * Are exits that shadow page tables cause at least a quarter as frequent as exceptions?
 * VMX does not count page faults apart from other exceptions.
 */
static enum answer are_of_page_tables(const struct facts *f, char **seen)
{
	double share = load_of(f, &of_page_tables, 2).rate / load_of(f, &exceptions, 2).rate;

	*seen = xasprintf("%.0f %% of them %s page faults, control registers and INVLPG",
			  100 * share, strcmp(f->host->isa, "vmx") ? "are" : "may be");
	return share >= 0.25 ? ANSWER_YES : ANSWER_NO;
}

/* VMX has one reason for exceptions and NMIs; others have their own. */
static bool are_few_exceptions(const struct facts *f, char **seen)
{
	double share = load_of(f, &exceptions_or_nmis, 2).rate / load_of(f, &exceptions, 2).rate;

	if (share >= 0.1)
		return false;
	*seen = xasprintf("%.0f %% of them are exceptions or NMIs", 100 * share);
	return true;
}

static enum answer are_of_debugging(const struct facts *f, char **seen)
{
	double share = load_of(f, &of_debugging, 2).rate / load_of(f, &exceptions, 2).rate;

	if (!strcmp(f->host->isa, "vmx"))
		return are_few_exceptions(f, seen) ? ANSWER_NO : ANSWER_UNKNOWN;
	*seen = xasprintf("%.0f %% of them are #DB and #BP", 100 * share);
	return share >= 0.25 ? ANSWER_YES : ANSWER_NO;
}

/* NMIs that come while the guest runs, if the machine's are even over its CPUs. */
static double nmis_meanwhile(const struct facts *f, double rate)
{
	double cpus = in_interval(f, f->guest->guest.guest_time_ns);

	return f->machine.num_cpus ? rate * cpus / f->machine.num_cpus : 0;
}

static enum answer are_nmis(const struct facts *f, char **seen)
{
	double nmi = load_of(f, &nmis, 2).rate, exits = load_of(f, &exceptions, 2).rate;
	double rate = rate_of_machine(f, activity_interrupts(&f->activity, "NMI"));

	if (strcmp(f->host->isa, "vmx")) {
		*seen = xasprintf("%.0f %% of them are NMIs", 100 * nmi / exits);
		return nmi >= exits / 4 ? ANSWER_YES : ANSWER_NO;
	}
	if (are_few_exceptions(f, seen))
		return ANSWER_NO;
	if (!f->activity.are_interrupts_known) {
		*seen = xasprintf("/proc/interrupts was not read at the interval's beginning%s",
				  f->env->past ? ": not recorded" : "");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("this machine had %.0f NMIs per second, about %.0f of them while the guest ran",
			  rate, nmis_meanwhile(f, rate));
	if (nmis_meanwhile(f, rate) >= load_of(f, &exceptions_or_nmis, 2).rate / 2)
		return ANSWER_YES;
	return rate < exits / 10 ? ANSWER_NO : ANSWER_UNKNOWN;
}

static enum answer lacks_unrestricted(const struct facts *f, char **seen)
{
	return lacks_feature(f, "unrestricted_guest", "kvm_intel.unrestricted_guest",
			     seen);
}

/*
 * QEMU's -s and -gdb: a debugger may be there, and need not. Without them it may be, too:
 * QEMU's monitor starts a gdbserver, and other VMMs have other options.
 */
static enum answer awaits_debugger(const struct facts *f, char **seen)
{
	bool is_awaited = vmm_has_option(f, "-s") || vmm_has_option(f, "-gdb");

	*seen = xstrdup(!f->cmdline ? "the VMM's command line cannot be read" :
			is_awaited ? "-s or -gdb in the VMM's command line" :
				     "no -s or -gdb in the VMM's command line");
	return ANSWER_UNKNOWN;
}

static char *use_ept(const struct facts *f)
{
	return use_feature(f, "kvm_intel.ept");
}

static char *use_npt(const struct facts *f)
{
	return use_feature(f, "kvm_amd.npt");
}

static char *use_unrestricted(const struct facts *f)
{
	return use_feature(f, "kvm_intel.unrestricted_guest");
}

#define OF_PAGE_TABLES	{ are_of_page_tables, VERDICT_OPEN, VERDICT_RULED_OUT }

static const struct cause causes[] = {
	{
		"ept", "EPT is not used", "L1", "all guests must stop for it",
		{ { lacks_ept, VERDICT_SHOWN, VERDICT_RULED_OUT }, OF_PAGE_TABLES },
		"l1tune caps",
		.change_of = use_ept, .change_for_all = "reload kvm_intel with ept=1",
	}, {
		"npt", "NPT is not used", "L1", "all guests must stop for it",
		{ { lacks_npt, VERDICT_SHOWN, VERDICT_RULED_OUT }, OF_PAGE_TABLES },
		"l1tune caps",
		.change_of = use_npt, .change_for_all = "reload kvm_amd with npt=1",
	}, {
		"no-nested-paging", "L0 offers no EPT or NPT", "L0", "none",
		{ { lacks_nested_paging, VERDICT_SHOWN, VERDICT_RULED_OUT }, OF_PAGE_TABLES },
		"l1tune caps",
		"ask whoever runs L0 to offer EPT or NPT (KVM: kvm_intel.ept=1 or kvm_amd.npt=1 there, and a CPU model that has it; VMware: Virtualize Intel VT-x/EPT or AMD-V/RVI), or use another L0",
	}, {
		"unrestricted-guest", "unrestricted guests are not used", "L1",
		"all guests must stop for it",
		{ { lacks_unrestricted, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1tune caps",
		.change_of = use_unrestricted, .gain = gain_of_part,
		.change_for_all = "reload kvm_intel with unrestricted_guest=1",
	}, {
		"host-nmis", "NMIs of this machine", "L1", "no profiles of guests",
		{ { are_nmis, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"whether NMI grows in /proc/interrupts; perf top and perf record -a sample by NMIs",
		"end what samples this machine by NMIs (perf top, perf record -a), let it leave guests out (perf record -e cycles:H), or sample less often (-F)",
		gain_of_part,
	}, {
		"debugger", "a debugger of the guest", "VMM", "no debugging",
		{ { awaits_debugger }, { are_of_debugging, VERDICT_OPEN, VERDICT_RULED_OUT } },
		"who is connected to the VMM's gdbstub",
		"no breakpoints or single steps from outside the guest",
		gain_of_part,
	}, {
		"own-exceptions", "exceptions and registers used by the guest itself", "guest",
		"what uses them may need them",
		/* No count is of them alone. */
		{ },
		"perf record -e kvm:kvm_exit,kvm:kvm_cr -p PID: rip says where in the guest, kvm_cr which control register it is",
		"in the guest, less of what perf shows there: perf record -e kvm:kvm_exit,kvm:kvm_cr -p PID",
		gain_of_part,
	},
};

const struct symptom symptom_exceptions = {
	"exceptions", "exceptions and control registers that exit", CAUSES(causes), are_many,
	&exceptions,
};
