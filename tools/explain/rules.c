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
#include "explain/cause.h"
#include "explain/load.h"
#include "explain/rules-access.h"
#include "explain/rules.h"
#include "model/machine.h"
#include "settings/setting.h"

static const struct reasons halts = { { "HLT", "hlt" } };
static const struct reasons pauses = { { "PAUSE_INSTRUCTION", "pause" } };
static const struct reasons apic_pages = {
	{ "APIC_ACCESS", "APIC_WRITE", "EOI_INDUCED" }
};
static const struct reasons msr_writes = { { "MSR_WRITE" } };
static const struct reasons shadow_paging = {
	{ "EXCEPTION_NMI", "CR_ACCESS", "INVLPG" }
};
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
	if (!is_worth_it(f, &a->gain))
		return false;
	a->evidence = xasprintf("its vCPUs slept %.2f s of each second because of max_exits_per_sec; they exited %.0f times in it",
				cpus, all.rate);
	a->change = xasprintf("l1tune limits %llu max_exits_per_sec=N with N above what it needs, or see what it exits for: l1tune stat %llu",
			      id_of(f), id_of(f));
	return true;
}

/* Beside the parts: L0 took it of any of them, and of the guest's own time. */
static bool is_stolen(const struct facts *f, struct advice *a)
{
	const struct exit_stats *stats = &f->guest->stats;
	double cpus = in_interval(f, stats->value[STAT_STOLEN]);

	a->gain = gain_at_most(cpus);
	if (!stats->has[STAT_STOLEN] || !is_often(f, cpus, 0.05))
		return false;
	a->evidence = xasprintf("L0 did not run its vCPUs' CPUs for %.2f s of each second in which they could have run",
				cpus);
	a->change = xstrdup("nothing on this machine: a machine whose CPUs are not shared or limited (on EC2 no -flex type, or a dedicated host; elsewhere ask who runs L0 about CPU shares and pinning), or fewer vCPUs busy at a time");
	return true;
}

static bool polls_in_vain(const struct facts *f, struct advice *a)
{
	uint64_t miss_ns, hit_ns;
	double miss, hit;

	if (!kvm_count_of(f, KVM_POLL_MISS_NS, &miss_ns) ||
	    !kvm_count_of(f, KVM_POLL_HIT_NS, &hit_ns))
		return false;
	miss = in_interval(f, miss_ns);
	hit = in_interval(f, hit_ns);
	a->gain = (struct gain){ GAIN_RANGE, miss - hit, miss };
	if (miss <= hit || !is_worth_it(f, &a->gain))
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

	if (!f->wake_ns || !is_often(f, halt.rate, 200) || wait_ns < 1000 ||
	    wait_ns > 500000 || !is_dedicated(f))
		return false;
	a->gain = (struct gain){
		GAIN_RANGE, 0, halt.rate * f->wake_ns / NSEC_PER_SEC,
	};
	if (!is_worth_it(f, &a->gain))
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
	uint64_t hit_ns, miss_ns;
	bool is_known = kvm_count_of(f, KVM_POLL_HIT_NS, &hit_ns) &
			kvm_count_of(f, KVM_POLL_MISS_NS, &miss_ns);
	double polled = in_interval(f, hit_ns) + in_interval(f, miss_ns);
	double kernel = halt.parts[PART_KERNEL] > polled ?
			halt.parts[PART_KERNEL] - polled : 0;

	/* Then it cannot be told from polling, which goes on in the guest's time. */
	a->gain = gain_of(f, is_known ? kernel : 0, halt.rate);
	if (!is_often(f, halt.rate, 500) || !is_dedicated(f) ||
	    !is_worth_it(f, &a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits in a second for HLT, and each of %llu vCPUs can have one of %llu CPUs%s",
				halt.rate, (unsigned long long)f->num_vcpus,
				(unsigned long long)f->num_cpus, is_known ? "" :
				"; KVM's time for them is left out, as how much of it is polling cannot be read");
	a->change = xasprintf("l1tune tune uid=%llu hlt_in_guest=1, then start it again (QEMU by itself: -overcommit cpu-pm=on)",
			      (unsigned long long)f->guest->guest.uid);
	return true;
}

static bool spins(const struct facts *f, struct advice *a)
{
	struct load pause = load_of(f, &pauses, 2);

	a->gain = gain_of(f, pause.parts[PART_KERNEL], pause.rate);
	if (!is_often(f, pause.rate, 500) || !is_dedicated(f) || !is_worth_it(f, &a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits in a second for PAUSE, and no vCPU waits for a CPU",
				pause.rate);
	a->change = xasprintf("l1tune tune uid=%llu pause_in_guest=1, then start it again",
			      (unsigned long long)f->guest->guest.uid);
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
	if (!is_often(f, page.rate + msr.rate, 1000) || !is_worth_it(f, &a->gain) ||
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
	if (!is_often(f, page.rate, 500) || !is_worth_it(f, &a->gain))
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
	if (!is_often(f, load.rate, 1000) || !is_worth_it(f, &a->gain) ||
	    !offers(f, no_ept ? "ept" : "unrestricted_guest") ||
	    !(no_ept || is_switched_off(f, "kvm_intel.unrestricted_guest")))
		return false;
	a->evidence = xasprintf("%.0f exits in a second for exceptions, control registers and INVLPG; L0 offers %s and KVM does not use it",
				load.rate, no_ept ? "EPT" : "unrestricted guests");
	a->change = how_to_switch_on(f, no_ept ? "kvm_intel.ept" :
					"kvm_intel.unrestricted_guest");
	return true;
}

static bool lacks_evmcs(const struct facts *f, struct advice *a)
{
	struct load all = load_of(f, &all_reasons, 2);

	if (strcmp(f->host->hypervisor, "Microsoft Hv") || !is_often(f, all.rate, 1000) ||
	    !is_switched_off(f, "kvm_intel.enlightened_vmcs"))
		return false;
	a->evidence = xasprintf("%.0f exits in a second under Hyper-V, whose enlightened VMCS KVM does not use",
				all.rate);
	a->change = how_to_switch_on(f, "kvm_intel.enlightened_vmcs");
	return true;
}

static bool flushes_l1d(const struct facts *f, struct advice *a)
{
	uint64_t flushes;
	double rate;

	if (!kvm_count_of(f, KVM_L1D_FLUSHES, &flushes))
		return false;
	rate = in_interval(f, flushes) * NSEC_PER_SEC;
	if (rate < 1000 || !f->host->virtualized)
		return false;
	a->evidence = xasprintf("%.0f flushes of L1D in a second, before entries of a guest of a guest",
				rate);
	a->change = xstrdup("ask who runs L0 whether it flushes at its own entries; if so: l1tune tune kvm_intel.vmentry_l1d_flush=never");
	return true;
}

#define MEASURED	"high: the time itself was counted"
#define LIKELY		"medium: the cost was counted, the effect follows from KVM's design"
#define PERHAPS		"low: try it"

const struct rule rules[] = {
	{ "throttled", "held back by a limit", "L1",
	  "others get less of the machine", MEASURED, NULL, throttled },
	{ "stolen", "CPU time that L0 took", "L0", "a larger bill", MEASURED,
	  "a machine whose CPUs are not shared or limited by L0: l1tune list has STOLEN of each guest",
	  is_stolen },
	{ "poll-down", "polling that finds nothing", "L1",
	  "a wake-up takes longer where polling had caught it", MEASURED,
	  "l1tune tune kvm.halt_poll_ns=0, or a value between that and today's",
	  polls_in_vain },
	{ "poll-up", "short sleeps", "L1",
	  "the CPUs that polling burns are not there for others", PERHAPS,
	  NULL, sleeps_shortly },
	{ "hlt-in-guest", "exits for HLT on CPUs of its own", "L1",
	  "a halted vCPU keeps its CPU and looks busy; not for VMMs that serve HLT themselves",
	  LIKELY, NULL, halts_often },
	{ "pause-in-guest", "exits for PAUSE on CPUs of its own", "L1",
	  "if vCPUs ever share CPUs, one that spins burns the time of the one it waits for",
	  LIKELY, NULL, spins },
	{ "devices", "devices emulated by the VMM", "VMM",
	  "the guest needs the driver", PERHAPS,
	  "the device in the image or template that they are made from: l1tune advise GUEST says which it is",
	  emulates_devices },
	{ "kvm-devices", "old devices emulated by KVM", "VMM and guest",
	  "the guest has to know the newer ones", PERHAPS,
	  "the clock or interrupt controller in the image that they are made from: l1tune advise GUEST says which it is",
	  kvm_emulates_devices },
	{ "msrs", "MSRs that exit", "VMM and guest",
	  "what uses them has a reason to", PERHAPS, NULL, accesses_msrs },
	{ "apicv", "APICv is not used", "L1", "all guests end for the reload",
	  PERHAPS, "reload kvm_intel with enable_apicv=1", apic_exits },
	{ "x2apic", "the APIC by its page", "VMM and guest",
	  "old guests may not have x2APIC", PERHAPS,
	  "offer x2APIC to all: -cpu host or -cpu MODEL,+x2apic", uses_apic_page },
	{ "paging", "a feature for paging is not used", "L1",
	  "all guests end for the reload", LIKELY,
	  "reload kvm_intel with ept=1 and unrestricted_guest=1", lacks_paging },
	{ "evmcs", "Hyper-V's enlightened VMCS is not used", "L1",
	  "all guests end for the reload", PERHAPS, NULL, lacks_evmcs },
	{ "l1d-flush", "L1D flushes", "L0 and L1",
	  "if L0 does not flush, guests may read each other's data (L1TF)",
	  PERHAPS, NULL, flushes_l1d },
};

const size_t num_rules = ARRAY_SIZE(rules);

/* In the order of their rank where gains are equal. */
const struct symptom *const symptoms[] = {
	&symptom_no_cpu, &symptom_blocked, &symptom_memory, &symptom_nesting,
	&symptom_interrupts, &symptom_helpers,
};

const size_t num_symptoms = ARRAY_SIZE(symptoms);
