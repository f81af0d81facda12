// SPDX-License-Identifier: GPL-2.0
/*
 * Exits for reasons that no other symptom is about, and accesses to devices that the VMM
 * does not serve. What the reason is called names most of these causes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/device.h"
#include "explain/fault.h"
#include "explain/feature.h"
#include "explain/hlt-in-guest.h"
#include "explain/interface.h"

#define ACCESSES "accesses to devices"

static const struct reasons accesses = { { "IO_INSTRUCTION", "io", "EPT_MISCONFIG" } };

/* Exits of one reason per second, of the busiest vCPU too, and the time that KVM takes for them. */
struct other {
	const char *name;
	double rate, busiest, kernel;
};

struct others {
	/* Free it. */
	struct other *v;
	size_t num;
	double rate, kernel;
};

static double cost_of(const struct facts *f, const struct other *other)
{
	return gain_of(f, other->kernel, other->rate).high;
}

/* Each vCPU has some exits: few for each of many vCPUs are no symptom. */
static bool is_much(const struct facts *f, const struct other *other)
{
	struct gain gain = gain_of(f, other->kernel, other->rate);

	return is_worth_it(f, &gain) &&
	       (is_often(f, other->busiest, 1000) || is_often(f, gain.high, 0.05));
}

static void add(const struct facts *f, struct others *others, const struct other *other)
{
	if (!is_much(f, other))
		return;
	*GROW(others->v, others->num) = *other;
	others->rate += other->rate;
	others->kernel += other->kernel;
}

static bool has_symptom(const char *reason)
{
	size_t i;

	for (i = 0; i < num_symptoms; i++)
		if (symptoms[i]->exits && reasons_have(symptoms[i]->exits, reason))
			return true;
	return false;
}

static double sampled_accesses(const struct facts *f)
{
	double rate = 0;
	size_t i;

	for (i = 0; i < f->accesses.num; i++)
		if (f->accesses.v[i].kind != ACCESS_MSR)
			rate += f->accesses.v[i].reads + f->accesses.v[i].writes;
	return rate;
}

/* Share of accesses not served by the VMM or a device of KVM's; 0 without a sample. */
static double part_of_eventfds(const struct facts *f)
{
	double left = sampled_accesses(f) - access_all(f, SERVED_BY_VMM) -
		      access_all(f, SERVED_BY_KVM);

	return left > 0 ? access_all(f, SERVED_BY_EVENTFD) / left : 0;
}

/* Without a sample none of them, or all: the VMM serves them if it takes time for them. */
static double part_left_to_kvm(const struct facts *f)
{
	double all = sampled_accesses(f);

	if (all > 0)
		return 1 - (access_all(f, SERVED_BY_VMM) + access_all(f, SERVED_BY_KVM)) / all;
	return is_often(f, device_load(f).parts[PART_VMM], 0.02) ? 0 : 1;
}

/* On SVM an access by address is a fault: counted only where that is known. */
static struct other other_accesses(const struct facts *f)
{
	static const struct reasons npfs = { { "npf" } };
	double part = part_left_to_kvm(f), busiest = busiest_rate(f, &accesses);
	struct load load = load_of(f, &accesses, 2);

	if (load_of(f, &npfs, 2).rate && faults_are_told_apart(f)) {
		struct load faults = device_faults(f);

		load.rate += faults.rate;
		load.parts[PART_KERNEL] += faults.parts[PART_KERNEL];
		busiest += mean_of_vcpus(f, faults.rate);
	}
	return (struct other){
		ACCESSES, part * load.rate, part * busiest, part * load.parts[PART_KERNEL],
	};
}

static struct others others_of(const struct facts *f)
{
	const struct exit_stats *stats = &f->guest->stats;
	struct other of_devices = other_accesses(f);
	struct others others = { };
	size_t i;

	add(f, &others, &of_devices);
	for (i = 0; i < stats->num_cells; i++) {
		const struct exit_key *key = &stats->cells[i].key;
		const struct reasons only = reasons_like(key->reason);
		struct load load = load_of(f, &only, 2);

		if (key->level != 2 || has_symptom(key->reason) ||
		    reasons_have(&accesses, key->reason))
			continue;
		add(f, &others, &(struct other){
			key->reason, load.rate, busiest_rate(f, &only), load.parts[PART_KERNEL],
		});
	}
	return others;
}

static bool are_many(const struct facts *f, struct advice *a)
{
	struct others others = others_of(f);
	size_t i;

	if (!others.num)
		return false;
	a->gain = gain_of(f, others.kernel, others.rate);
	a->evidence = xasprintf("%.0f exits per second that no other symptom is about; they take KVM %.2f s of each second",
				others.rate, others.kernel);
	for (i = 0; i < others.num; i++)
		append(&a->evidence, "%s %.0f for %s (%.2f s)", i ? "," : ":",
		       others.v[i].rate, others.v[i].name, others.v[i].kernel);
	free(others.v);
	return true;
}

/* Which part of their cost some are, and whether the most expensive one is among them. */
struct part {
	double share;
	bool has_most;
};

static struct part part_of_some(const struct facts *f,
				bool (*is_one)(const char *name, const void *of),
				const void *of)
{
	struct others others = others_of(f);
	double some = 0, all = 0, most = 0;
	struct part part = { };
	size_t i;

	for (i = 0; i < others.num; i++) {
		double cost = cost_of(f, &others.v[i]);
		bool is_in = is_one(others.v[i].name, of);

		all += cost;
		if (is_in)
			some += cost;
		if (cost > most) {
			most = cost;
			part.has_most = is_in;
		}
	}
	free(others.v);
	part.share = all > 0 ? some / all : 0;
	return part;
}

static enum answer answer_of(const struct part *part, char **seen)
{
	if (part->share < 0.2 && !part->has_most) {
		*seen = xstrdup("few or none of these exits");
		return ANSWER_NO;
	}
	*seen = xasprintf("%.0f %% of what they cost", 100 * part->share);
	return ANSWER_YES;
}

static bool is_named(const char *name, const void *of)
{
	return reasons_have(of, name);
}

#define GROUP(name, ...)							\
static const struct reasons of_##name = { { __VA_ARGS__ } };			\
										\
static double part_of_##name(const struct facts *f)				\
{										\
	return part_of_some(f, is_named, &of_##name).share;			\
}										\
										\
static enum answer is_##name(const struct facts *f, char **seen)		\
{										\
	struct part part = part_of_some(f, is_named, &of_##name);		\
										\
	return answer_of(&part, seen);						\
}

GROUP(access, ACCESSES)
GROUP(cpuid, "CPUID", "cpuid")
GROUP(call, "VMCALL", "hypercall")
GROUP(flush, "WBINVD", "wbinvd", "INVD", "invd")
GROUP(table, "GDTR_IDTR", "LDTR_TR", "read_gdtr", "read_idtr", "read_ldtr", "read_rt",
      "write_gdtr", "write_idtr", "write_ldtr", "write_rt")
GROUP(window, "INTERRUPT_WINDOW", "PENDING_INTERRUPT", "NMI_WINDOW", "vintr", "iret")
GROUP(timer, "PREEMPTION_TIMER")
GROUP(priority, "TPR_BELOW_THRESHOLD", "read_cr8", "write_cr8", "write_cr8_trap")
GROUP(bus_lock, "BUS_LOCK")
GROUP(notify, "NOTIFY")
GROUP(mwait, "MWAIT_INSTRUCTION", "MONITOR_INSTRUCTION", "mwait", "monitor")
GROUP(counter, "RDPMC", "rdpmc")
GROUP(avic, "avic_incomplete_ipi", "avic_unaccelerated_access")
GROUP(xcr, "XSETBV", "xsetbv")
GROUP(debug, "DR_ACCESS", "read_dr0", "read_dr1", "read_dr2", "read_dr3", "read_dr4",
      "read_dr5", "read_dr6", "read_dr7", "write_dr0", "write_dr1", "write_dr2", "write_dr3",
      "write_dr4", "write_dr5", "write_dr6", "write_dr7")
GROUP(protected, "vmgexit")
GROUP(smi, "smi")

/* Without a sample they may be a device of KVM's as well. */
static enum answer is_kick(const struct facts *f, char **seen)
{
	enum answer answer = is_access(f, seen);
	char *names;

	if (answer != ANSWER_YES)
		return answer;
	if (!sampled_accesses(f)) {
		append(seen, "; " NOT_SAMPLED);
		return ANSWER_UNKNOWN;
	}
	names = access_names(f, SERVED_BY_EVENTFD, -1ULL);
	append(seen, "; written in the sample without the VMM: %s", names ? names : "none");
	free(names);
	return part_of_eventfds(f) >= 0.5 ? ANSWER_YES : ANSWER_NO;
}

static enum answer are_of_hypervisor(const struct facts *f, char **seen)
{
	return can_be_of_entries(f, load_of(f, &of_xcr, 2).rate, seen) ? ANSWER_YES : ANSWER_NO;
}

static enum answer is_of_hypervisor(const struct facts *f, char **seen)
{
	return and_then(f, is_xcr(f, seen), are_of_hypervisor, seen);
}

/* Without guests inside the guest XSETBV is what any system may execute. */
static bool is_of_no_group(const char *name, const void *of)
{
	static const struct reasons *const groups[] = {
		&of_access, &of_cpuid, &of_call, &of_flush, &of_table, &of_window, &of_timer,
		&of_priority, &of_bus_lock, &of_notify, &of_mwait, &of_counter,
		&of_avic, &of_debug, &of_protected, &of_smi,
	};
	char *seen = NULL;
	size_t i;

	if (reasons_have(&of_xcr, name)) {
		bool is_inside = are_of_hypervisor(of, &seen) == ANSWER_YES;

		free(seen);
		return !is_inside;
	}
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		if (reasons_have(groups[i], name))
			return false;
	return true;
}

/* And accesses that were not seen to be kicks. */
static enum answer is_unknown(const struct facts *f, char **seen)
{
	struct part part = part_of_some(f, is_of_no_group, f);
	struct part access = part_of_some(f, is_named, &of_access);

	if (part_of_eventfds(f) < 0.5) {
		part.share += access.share;
		part.has_most |= access.has_most;
	}
	return answer_of(&part, seen);
}

/* KVM asks for these exits only while an interrupt waits. */
static char *fewer_interrupts(const struct facts *f)
{
	return or_apicv(f, "fewer interrupts for the guest: fewer queues or interrupts per packet (ethtool -C in the guest)");
}

/* What lets MWAIT be lets HLT be, too. */
static char *wait_otherwise(const struct facts *f)
{
	return xasprintf("let the guest wait by HLT (a Linux guest with idle=halt)%s",
			 may_cpu_pm_be_on(f) ? "; or let it wait without exits, on dedicated CPUs: QEMU -overcommit cpu-pm=on" : "");
}

#define RIP	"perf record -e kvm:kvm_exit -p PID: rip says where in the guest"
#define OF(clue)	{ { is_##clue, VERDICT_SHOWN, VERDICT_RULED_OUT } }

static const struct cause causes[] = {
	{
		"ioeventfd-kicks", "kicks of ioeventfds", "guest and VMM",
		"the guest's driver must support it; a thread that polls takes a CPU",
		OF(kick),
		"perf record -e kvm:kvm_fast_mmio,kvm:kvm_mmio,kvm:kvm_pio -p PID",
		"fewer kicks: virtio devices with event_idx and packed rings (QEMU -device virtio-...,packed=on), larger requests and packets in the guest, or a backend that polls the rings (QEMU -netdev tap,vhost=on,poll-us=N; SPDK, DPDK)",
		gain_of_part, .part = part_of_access,
	}, {
		"cpuid", "CPUID", "guest", "what uses it may need it",
		OF(cpuid), RIP,
		"less CPUID in the guest: " RIP ". Programs use it to order instructions, and to read the CPU's features again and again",
		gain_of_part, .part = part_of_cpuid,
	}, {
		"hypercalls", "hypercalls that KVM serves", "guest",
		"what a hypercall replaces may cost more",
		OF(call),
		"perf record -e kvm:kvm_hypercall,kvm:kvm_hv_hypercall,kvm:kvm_xen_hypercall -p PID",
		"find out which they are: perf record -e kvm:kvm_hypercall,kvm:kvm_hv_hypercall,kvm:kvm_xen_hypercall -p PID. Those for IPIs, TLB flushes and wake-ups become fewer with fewer vCPUs, or with threads that stay on theirs",
		gain_of_part, .part = part_of_call,
	}, {
		"cache-flushes", "flushes of caches (WBINVD, INVD)", "guest and VMM",
		"the guest loses the device, or what needs the flushes",
		OF(flush), RIP,
		"less WBINVD in the guest: " RIP ". KVM flushes caches only for guests with assigned devices whose DMA is not coherent",
		gain_of_part, .part = part_of_flush,
	}, {
		"descriptor-tables", "instructions on descriptor tables", "VMM and guest",
		"without UMIP the guest's programs can read the addresses of its tables",
		OF(table), RIP,
		"less of them in the guest: " RIP ". On a CPU without UMIP, KVM emulates that by these exits for a guest that uses it: QEMU -cpu MODEL,umip=off",
		gain_of_part, .part = part_of_table,
	}, {
		"interrupt-windows", "interrupts that the guest cannot take at once", "guest and L1",
		"its devices react later",
		OF(window), "l1tune caps: APICv or AVIC; perf record -e kvm:kvm_inj_virq -p PID",
		.change_of = fewer_interrupts, .gain = gain_of_part, .part = part_of_window,
	}, {
		"timer-expiries", "timers of the guest that expire", "guest",
		"what sets them may need them",
		OF(timer), "in a Linux guest: perf record -e timer:hrtimer_start -ag",
		.change_of = fewer_timers, .gain = gain_of_part, .part = part_of_timer,
	}, {
		"task-priority", "changes of the task priority (TPR)", "L1 and guest",
		"all guests must stop for it",
		OF(priority), "l1tune caps: APICv or AVIC; " RIP,
		.change_of = fewer_interrupts, .gain = gain_of_part, .part = part_of_priority,
	}, {
		"bus-locks", "bus locks", "guest", "what uses them has to be changed",
		OF(bus_lock), RIP,
		"no locked accesses across cache lines or to uncached memory in the guest: " RIP ". The VMM asked for these exits (QEMU bus-lock-ratelimit)",
		gain_of_part, .part = part_of_bus_lock,
	}, {
		"notify-windows", "notify windows", "VMM and guest",
		"a guest may hold a CPU for longer",
		OF(notify), RIP,
		"find out what the guest does: " RIP ". The VMM asked for an exit where it opens no interrupt window for long (QEMU -accel kvm,notify-vmexit=,notify-window=N)",
		gain_of_part, .part = part_of_notify,
	}, {
		"mwait", "MWAIT and MONITOR", "guest and VMM",
		"a vCPU that waits in the guest keeps its CPU",
		OF(mwait), RIP,
		.change_of = wait_otherwise, .gain = gain_of_part, .part = part_of_mwait,
	}, {
		"performance-counters", "reads of performance counters (RDPMC)", "VMM and guest",
		"no profiling",
		OF(counter), RIP,
		"no profiling in the guest (perf, and monitors that use counters, such as atop); or QEMU -cpu MODEL,pmu=off, which offers it no counters",
		gain_of_part, .part = part_of_counter,
	}, {
		"avic-exits", "what AVIC leaves to KVM", "guest and L1",
		"less runs in parallel",
		OF(avic),
		"perf record -e kvm:kvm_avic_incomplete_ipi,kvm:kvm_avic_unaccelerated_access -p PID",
		"fewer IPIs to vCPUs that do not run: fewer vCPUs, a CPU for each, or threads that stay on theirs; perf record -e kvm:kvm_avic_incomplete_ipi,kvm:kvm_avic_unaccelerated_access -p PID says what they are",
		gain_of_part, .part = part_of_avic,
	}, {
		"xcr0", "XSETBV of a hypervisor inside the guest", "guest",
		"guests with the CPU of their hypervisor may not migrate to another one",
		OF(of_hypervisor), RIP,
		"give the guests inside the guest the XSAVE features of their hypervisor (inside: QEMU -cpu host): where theirs differ (AVX-512, PKU, AMX), KVM and others write XCR0 twice for each of their exits. Or run these as guests of this machine",
		gain_of_part, .part = part_of_xcr,
	}, {
		"debug-registers", "accesses to debug registers", "guest", "no such breakpoints",
		OF(debug), RIP,
		"fewer hardware breakpoints and watchpoints in the guest: " RIP ". Debuggers and perf record -e mem: set them, protections against cheating and copying check them",
		gain_of_part, .part = part_of_debug,
	}, {
		"protected-guest", PROTECTED, "guest and VMM", "depends on what they are for",
		OF(protected), PROTECTED_HOW, PROTECTED_CHANGE,
		gain_of_part, .part = part_of_protected,
	}, {
		"host-smis", "SMIs of this machine", "L1", "depends on what the firmware does there",
		OF(smi), "perf stat -a -e ls_smi_rx sleep 1",
		"fewer SMIs, which this machine's firmware raises and serves: in its setup switch off legacy USB support, power capping and error polling that nobody needs, or update it. perf stat -a -e ls_smi_rx sleep 1 counts them",
		gain_of_part, .part = part_of_smi,
	}, {
		"other-reasons", "reasons that l1tune has no advice on", "not known",
		"depends on what they are for",
		{ { is_unknown, VERDICT_OPEN, VERDICT_RULED_OUT } },
		RIP,
		"find out what the guest does there: " RIP,
		gain_of_part,
	},
};

const struct symptom symptom_other_exits = {
	"other-exits", "exits that no other symptom is about", CAUSES(causes), are_many,
};
