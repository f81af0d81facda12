// SPDX-License-Identifier: GPL-2.0
/*
 * What is worth changing, a rule each. A rule needs evidence in what was
 * counted and measured, and gives none of its advice without.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"
#include "explain/load.h"
#include "explain/rules-access.h"
#include "explain/rules.h"
#include "model/machine.h"
#include "settings/setting.h"

static const struct reasons halts = { { "HLT", "hlt" } };
static const struct reasons pauses = { { "PAUSE_INSTRUCTION", "pause" } };
static const struct reasons faults = { { "EPT_VIOLATION", "npf" } };
static const struct reasons misconfigs = { { "EPT_MISCONFIG" } };
static const struct reasons apic_pages = {
	{ "APIC_ACCESS", "APIC_WRITE", "EOI_INDUCED" }
};
static const struct reasons msr_writes = { { "MSR_WRITE" } };
static const struct reasons shadow_paging = {
	{ "EXCEPTION_NMI", "CR_ACCESS", "INVLPG" }
};
static const struct reasons interrupts = {
	{ "EXTERNAL_INTERRUPT", "interrupt" }
};
static const struct reasons dirty_logs = { { "PML_FULL" } };
static const struct reasons nested = { {
	"VMCLEAR", "VMLAUNCH", "VMPTRLD", "VMPTRST", "VMREAD", "VMRESUME",
	"VMWRITE", "VMOFF", "VMON", "INVEPT", "INVVPID",
	"vmrun", "vmload", "vmsave", "stgi", "clgi",
} };

/* Those of the x2APIC that APICv serves without an exit. */
enum { MSR_TPR = 0x808, MSR_EOI = 0x80b, MSR_SELF_IPI = 0x83f };

/* Could each vCPU of this machine's guests have a CPU, and has it had one? */
static bool is_dedicated(const struct facts *f)
{
	struct load all = load_of(f, &all_reasons, 2);

	return f->num_vcpus <= f->num_cpus && all.parts[PART_RUNQ] < 0.01;
}

static bool is_switched_off(const struct facts *f, const char *param)
{
	char value[64];

	return setting_read(setting_find(param, SETTING_PARAM), f->env, NULL,
			    value, sizeof(value)) > 0 && !strcmp(value, "N");
}

static char *how_to_switch_on(const struct facts *f, const char *param)
{
	return setting_reload(setting_find(param, SETTING_PARAM), f->env, "1");
}

static bool offers(const struct facts *f, const char *feature)
{
	char value[64];

	return machine_file(f->env->sysfs, value, sizeof(value),
			    "class/l1tune/l1/vmx/%s", feature) && !strcmp(value, "1");
}

static unsigned long long id_of(const struct facts *f)
{
	return f->guest->guest.id;
}

static bool throttled(const struct facts *f, struct advice *a)
{
	struct load all = load_of(f, &all_reasons, 2);
	double cpus = all.parts[PART_THROTTLED] +
		      load_of(f, &all_reasons, 3).parts[PART_THROTTLED];

	a->gain = (struct gain){ GAIN_RANGE, cpus, cpus };
	if (!is_worth_it(&a->gain))
		return false;
	a->evidence = xasprintf("its vCPUs slept %.2f s of each second because of max_exits_per_sec; they exited %.0f times in it",
				cpus, all.rate);
	a->change = xasprintf("l1tune limits %llu max_exits_per_sec=N with N above what it needs, or see what it exits for: l1tune stat %llu",
			      id_of(f), id_of(f));
	return true;
}

static bool overcommitted(const struct facts *f, struct advice *a)
{
	double cpus = load_of(f, &all_reasons, 2).parts[PART_RUNQ] +
		      load_of(f, &all_reasons, 3).parts[PART_RUNQ];

	if (cpus < 0.05)
		return false;
	a->gain = gain_at_most(cpus);
	a->evidence = xasprintf("its vCPUs could run and had no CPU for %.2f s of each second; %llu vCPUs on %llu CPUs",
				cpus, (unsigned long long)f->num_vcpus,
				(unsigned long long)f->num_cpus);
	a->change = xstrdup(f->num_vcpus > f->num_cpus ?
			    "fewer vCPUs than CPUs: move a guest away, or give each fewer vCPUs" :
			    "keep others off its CPUs: a cpuset for the VMM (systemctl set-property UNIT AllowedCPUs=...), another for the rest");
	return true;
}

static bool polls_in_vain(const struct facts *f, struct advice *a)
{
	double miss = in_interval(f, f->kvm.poll_miss_ns);
	double hit = in_interval(f, f->kvm.poll_hit_ns);

	if (!f->kvm.is_known || miss <= hit)
		return false;
	a->gain = (struct gain){ GAIN_RANGE, miss - hit, miss };
	if (!is_worth_it(&a->gain))
		return false;
	a->evidence = xasprintf("halted vCPUs polled in vain %.3f s of each second, with success %.3f s",
				miss, hit);
	a->change = xasprintf("l1tune tune %llu halt_poll_ns=0", id_of(f));
	return true;
}

static bool sleeps_shortly(const struct facts *f, struct advice *a)
{
	struct load halt = load_of(f, &halts, 2);
	double wait_ns = halt.rate ? halt.parts[PART_HALTED] * NSEC_PER_SEC /
				     halt.rate : 0;
	unsigned long long poll_ns;

	if (!f->wake_ns || halt.rate < 200 || wait_ns < 1000 ||
	    wait_ns > 500000 || !is_dedicated(f))
		return false;
	a->gain = (struct gain){
		GAIN_RANGE, 0, halt.rate * f->wake_ns / NSEC_PER_SEC,
	};
	if (!is_worth_it(&a->gain))
		return false;
	/* Twice as long as it waits, in steps of 10 us. */
	poll_ns = (unsigned long long)(2 * wait_ns / 10000 + 1) * 10000;
	a->evidence = xasprintf("%.0f halts in a second sleep %.0f us each, and waking takes %.0f us more than an exit; polling would burn %.2f CPUs",
				halt.rate, wait_ns / 1000, f->wake_ns / 1000,
				halt.parts[PART_HALTED]);
	a->change = xasprintf("l1tune tune %llu halt_poll_ns=%llu", id_of(f),
			      poll_ns);
	return true;
}

static bool halts_often(const struct facts *f, struct advice *a)
{
	struct load halt = load_of(f, &halts, 2);
	double polled = in_interval(f, f->kvm.poll_hit_ns) +
			in_interval(f, f->kvm.poll_miss_ns);
	double kernel = halt.parts[PART_KERNEL] > polled ?
			halt.parts[PART_KERNEL] - polled : 0;

	/* Without KVM's counts, polling cannot be separated from work. */
	if (!f->kvm.is_known)
		kernel = 0;
	a->gain = gain_of(f, kernel, halt.rate);
	if (halt.rate < 500 || !is_dedicated(f) || !is_worth_it(&a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits in a second for HLT, and each of %llu vCPUs can have one of %llu CPUs",
				halt.rate, (unsigned long long)f->num_vcpus,
				(unsigned long long)f->num_cpus);
	a->change = xasprintf("l1tune tune uid=%llu hlt_in_guest=1, then start it again (QEMU by itself: -overcommit cpu-pm=on)",
			      (unsigned long long)f->guest->guest.uid);
	return true;
}

static bool spins(const struct facts *f, struct advice *a)
{
	struct load pause = load_of(f, &pauses, 2);

	a->gain = gain_of(f, pause.parts[PART_KERNEL], pause.rate);
	if (pause.rate < 500 || !is_dedicated(f) || !is_worth_it(&a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits in a second for PAUSE, and no vCPU waits for a CPU",
				pause.rate);
	a->change = xasprintf("l1tune tune uid=%llu pause_in_guest=1, then start it again",
			      (unsigned long long)f->guest->guest.uid);
	return true;
}

/* Faults for memory: accesses to devices are faults too, on CPUs without EPT_MISCONFIG. */
static struct load memory_faults(const struct facts *f)
{
	struct load fault = load_of(f, &faults, 2);
	double mmio = access_mmio(&f->accesses) -
		      load_of(f, &misconfigs, 2).rate;
	double share = mmio > 0 && fault.rate ? 1 - mmio / fault.rate : 1;

	share = share > 0 ? share : 0;
	fault.rate *= share;
	fault.parts[PART_KERNEL] *= share;
	return fault;
}

/* Of 512 faults for small pages one is left with a large one. */
static bool has_small_pages(const struct facts *f, struct advice *a)
{
	struct load fault = memory_faults(f);
	double fewer = 511.0 / 512;
	char thp[64] = "";

	if (!f->kvm.is_known || fault.rate < 200 ||
	    f->kvm.small_pages <= f->kvm.large_pages * 512)
		return false;
	a->gain = gain_of(f, fault.parts[PART_KERNEL] * fewer,
			  fault.rate * fewer);
	if (!is_worth_it(&a->gain))
		return false;
	machine_file(f->env->sysfs, thp, sizeof(thp),
		     "kernel/mm/transparent_hugepage/enabled");
	a->evidence = xasprintf("%.0f EPT violations in a second; %llu pages of 4K are mapped and %llu of 2M; transparent huge pages: %s",
				fault.rate, (unsigned long long)f->kvm.small_pages,
				(unsigned long long)f->kvm.large_pages,
				*thp ? thp : "none");
	a->change = xstrdup(strstr(thp, "[always]") ?
			    "memory from hugetlbfs, all at once: QEMU -object memory-backend-memfd,id=m,size=SIZE,hugetlb=on,prealloc=on -machine memory-backend=m" :
			    "echo always > /sys/kernel/mm/transparent_hugepage/enabled, then start it again");
	return true;
}

/* Which of the MSRs that guests write are the APIC's is known by a sample only. */
static struct load apic_msrs(const struct facts *f)
{
	struct load msr = load_of(f, &msr_writes, 2);
	double served = access_msr_writes(&f->accesses, MSR_TPR, MSR_TPR) +
			access_msr_writes(&f->accesses, MSR_EOI, MSR_EOI) +
			access_msr_writes(&f->accesses, MSR_SELF_IPI, MSR_SELF_IPI);

	if (f->is_sampled && served < msr.rate) {
		msr.parts[PART_KERNEL] *= served / msr.rate;
		msr.rate = served;
	}
	return msr;
}

static bool apic_exits(const struct facts *f, struct advice *a)
{
	struct load page = load_of(f, &apic_pages, 2);
	struct load msr = apic_msrs(f);

	a->gain = gain_of(f, page.parts[PART_KERNEL] + msr.parts[PART_KERNEL],
			  page.rate + msr.rate);
	a->gain.kind = GAIN_AT_MOST;
	if (page.rate + msr.rate < 1000 || !is_worth_it(&a->gain) ||
	    !offers(f, "virtual_interrupt_delivery") ||
	    !offers(f, "apic_register_virtualization") ||
	    !offers(f, "posted_interrupts") ||
	    !is_switched_off(f, "kvm_intel.enable_apicv"))
		return false;
	a->evidence = xasprintf("%.0f exits in a second for the APIC's page and %.0f for writing %s; L0 offers APICv and KVM does not use it",
				page.rate, msr.rate, f->is_sampled ?
				"its MSRs" :
				"MSRs, which the APIC's are part of");
	a->change = how_to_switch_on(f, "kvm_intel.enable_apicv");
	return true;
}

static bool uses_apic_page(const struct facts *f, struct advice *a)
{
	struct load page = load_of(f, &apic_pages, 2);

	a->gain = gain_of(f, page.parts[PART_KERNEL], page.rate);
	a->gain.kind = GAIN_AT_MOST;
	if (page.rate < 500 || !is_worth_it(&a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits in a second for the APIC's page: the guest does not use x2APIC",
				page.rate);
	a->change = xstrdup("offer x2APIC: QEMU -cpu host or -cpu MODEL,+x2apic; inside a Linux guest without nox2apic");
	return true;
}

static bool lacks_paging(const struct facts *f, struct advice *a)
{
	bool no_ept = is_switched_off(f, "kvm_intel.ept");
	struct load load = load_of(f, &shadow_paging, 2);

	a->gain = gain_of(f, load.parts[PART_KERNEL], load.rate);
	if (load.rate < 1000 || !is_worth_it(&a->gain) ||
	    !offers(f, no_ept ? "ept" : "unrestricted_guest") ||
	    !(no_ept || is_switched_off(f, "kvm_intel.unrestricted_guest")))
		return false;
	a->evidence = xasprintf("%.0f exits in a second for exceptions, control registers and INVLPG; L0 offers %s and KVM does not use it",
				load.rate, no_ept ? "EPT" : "unrestricted guests");
	a->change = how_to_switch_on(f, no_ept ? "kvm_intel.ept" :
					"kvm_intel.unrestricted_guest");
	return true;
}

static bool is_logged(const struct facts *f, struct advice *a)
{
	struct load log = load_of(f, &dirty_logs, 2);

	a->gain = gain_of(f, log.parts[PART_KERNEL], log.rate);
	if (log.rate < 1 || !is_worth_it(&a->gain))
		return false;
	a->evidence = xasprintf("%.0f times in a second the log of dirty pages was full: its writes are being logged",
				log.rate);
	a->change = xstrdup("end the migration, or what else follows its memory (a VMM's dirty rate, a backup)");
	return true;
}

static bool is_interrupted(const struct facts *f, struct advice *a)
{
	struct load irq = load_of(f, &interrupts, 2);

	a->gain = gain_of(f, irq.parts[PART_KERNEL], irq.rate);
	if (irq.rate < 5000 || !is_worth_it(&a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits in a second for interrupts of this machine",
				irq.rate);
	a->change = xstrdup("move them to CPUs without vCPUs: /proc/irq/N/smp_affinity_list of those that /proc/interrupts shows growing");
	return true;
}

/*
 * Beside it, what is inside needs no VMRESUME and the like. It has its exits
 * still, and those that its own hypervisor serves today cost less then.
 */
static bool nests(const struct facts *f, struct advice *a)
{
	struct load load = load_of(f, &all_reasons, 3);
	struct load instructions = load_of(f, &nested, 2);

	a->gain = gain_of(f, instructions.parts[PART_KERNEL],
			  instructions.rate);
	a->gain.high += load.parts[PART_KERNEL];
	if (load.rate < 100 || a->gain.high < 0.02)
		return false;
	a->evidence = xasprintf("%.0f exits in a second of guests inside this guest, and %.0f of its own instructions for them",
				load.rate, instructions.rate);
	a->change = xstrdup("run what is inside beside it, as a guest of this machine");
	return true;
}

static bool lacks_evmcs(const struct facts *f, struct advice *a)
{
	struct load all = load_of(f, &all_reasons, 2);

	if (strcmp(f->host->hypervisor, "Microsoft Hv") || all.rate < 1000 ||
	    !is_switched_off(f, "kvm_intel.enlightened_vmcs"))
		return false;
	a->evidence = xasprintf("%.0f exits in a second under Hyper-V, whose enlightened VMCS KVM does not use",
				all.rate);
	a->change = how_to_switch_on(f, "kvm_intel.enlightened_vmcs");
	return true;
}

static bool flushes_l1d(const struct facts *f, struct advice *a)
{
	double rate = in_interval(f, f->kvm.l1d_flushes) * NSEC_PER_SEC;

	if (!f->kvm.is_known || rate < 1000 || !f->host->virtualized)
		return false;
	a->evidence = xasprintf("%.0f flushes of L1D in a second, before entries of a guest of a guest",
				rate);
	a->change = xstrdup("ask who runs L0 whether it flushes at its own entries; if so: l1tune tune kvm_intel.vmentry_l1d_flush=never");
	return true;
}

#define MEASURED	"high: measured"
#define LIKELY		"medium: the cost is measured, the effect follows from KVM's design"
#define PERHAPS		"low: try it"

const struct rule rules[] = {
	{ "throttled", "held back by a limit", "L1",
	  "others get less of the machine", MEASURED, throttled },
	{ "overcommit", "no CPU for a vCPU that could run", "L1",
	  "none for the guest", MEASURED, overcommitted },
	{ "poll-down", "polling that finds nothing", "L1",
	  "a wake-up takes longer where polling had caught it", MEASURED,
	  polls_in_vain },
	{ "poll-up", "short sleeps", "L1",
	  "the CPUs that polling burns are not there for others", PERHAPS,
	  sleeps_shortly },
	{ "hlt-in-guest", "exits for HLT on CPUs of its own", "L1",
	  "a halted vCPU keeps its CPU and looks busy; not for VMMs that serve HLT themselves",
	  LIKELY, halts_often },
	{ "pause-in-guest", "exits for PAUSE on CPUs of its own", "L1",
	  "if vCPUs ever share CPUs, one that spins burns the time of the one it waits for",
	  LIKELY, spins },
	{ "small-pages", "memory in small pages", "L1 and VMM",
	  "memory is taken 2M at a time", LIKELY, has_small_pages },
	{ "devices", "devices emulated by the VMM", "VMM",
	  "the guest needs the driver", PERHAPS, emulates_devices },
	{ "kvm-devices", "old devices emulated by KVM", "VMM and guest",
	  "the guest has to know the newer ones", PERHAPS,
	  kvm_emulates_devices },
	{ "msrs", "MSRs that exit", "VMM and guest",
	  "what uses them has a reason to", PERHAPS, accesses_msrs },
	{ "apicv", "APICv is not used", "L1", "all guests end for the reload",
	  PERHAPS, apic_exits },
	{ "x2apic", "the APIC by its page", "VMM and guest",
	  "old guests may not have x2APIC", PERHAPS, uses_apic_page },
	{ "paging", "a feature for paging is not used", "L1",
	  "all guests end for the reload", LIKELY, lacks_paging },
	{ "dirty-log", "dirty logging", "VMM", "what follows the memory loses it",
	  MEASURED, is_logged },
	{ "interrupts", "interrupts of this machine on vCPUs' CPUs", "L1",
	  "the other CPUs get them", LIKELY, is_interrupted },
	{ "nesting", "a guest inside the guest", "guest",
	  "it is no longer separated by the outer guest", PERHAPS, nests },
	{ "evmcs", "Hyper-V's enlightened VMCS is not used", "L1",
	  "all guests end for the reload", PERHAPS, lacks_evmcs },
	{ "l1d-flush", "L1D flushes", "L0 and L1",
	  "if L0 does not flush, guests may read each other's data (L1TF)",
	  PERHAPS, flushes_l1d },
};

const size_t num_rules = ARRAY_SIZE(rules);
