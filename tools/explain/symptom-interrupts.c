// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of this machine that took a vCPU out of its guest. Which ones they
 * were no exit says: those of the CPUs that its vCPUs may use do, on the whole.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/cpus.h"
#include "explain/stolen.h"

static const struct reasons interrupts = {
	{ "EXTERNAL_INTERRUPT", "interrupt" }
};

/*
 * By their names in /proc/interrupts; devices have numbers. Under Hyper-V the timer is
 * HVS, and HYP has its devices, and old versions' timer; under Xen HYP has all.
 */
static const char *const timers[] = { "LOC", "HVS", NULL };
static const char *const callbacks[] = { "HYP", NULL };
static const char *const ipis[] = { "RES", "CAL", "TLB", "IWI", NULL };
static const char *const posted[] = { "PIN", "NPI", "PIW", NULL };
static const char *const devices[] = { "HYP", NULL };
/* Of vfio, by the devices' names: the guest's own. */
static const char *const passed_through[] = { NULL };

/* Also while it runs a guest inside it, whose hypervisor does not get them. */
static bool is_interrupted(const struct facts *f, struct advice *a)
{
	struct load irq = load_of_both(f, &interrupts);

	a->gain = gain_of(f, irq.parts[PART_KERNEL], irq.rate);
	if (!is_much_of_both(f, &interrupts, 5000) || !is_worth_it(f, &a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits per second for interrupts of this machine; they take KVM %.2f s of each second",
				irq.rate, irq.parts[PART_KERNEL]);
	return true;
}

static bool is_device(const struct interrupt *one)
{
	return strchr("0123456789", one->name[0]) && !begins_with(one->device, "vfio");
}

static bool is_among(const struct interrupt *one, const char *const *names)
{
	size_t i;

	if (names == devices && is_device(one))
		return true;
	if (names == passed_through)
		return begins_with(one->device, "vfio");
	for (i = 0; names[i]; i++)
		if (!strcmp(names[i], one->name))
			return true;
	return false;
}

/* Where its vCPUs run, or may: on any CPU, if it is not known which they may use. */
static bool is_here(const struct guest_cpus *cpus, unsigned long cpu)
{
	return !cpus->is_known || affinity_has(&cpus->affinity, cpu);
}

static uint64_t count_here(const struct facts *f, const struct guest_cpus *cpus,
			   const struct interrupt *one)
{
	const struct activity *activity = &f->activity;
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < activity->num_columns; i++)
		if (is_here(cpus, activity->columns[i]))
			count += one->of_columns[i];
	return count;
}

static uint64_t count_in_column(const struct activity *activity, const char *const *names,
				size_t column)
{
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < activity->num_interrupts; i++)
		if (!names || is_among(&activity->interrupts[i], names))
			count += activity->interrupts[i].of_columns[column];
	return count;
}

static int compare_downwards(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

/* Interrupts of the CPUs that a guest's vCPUs may use. */
struct counts {
	size_t num_cpus;
	uint64_t all;
	/* Of these those of one kind, and how many of them can have met a vCPU. */
	uint64_t some, reach;
};

/* At a time the vCPUs are on as many CPUs at most: those with the most of a kind. */
static struct counts counts_of(const struct facts *f, const struct guest_cpus *cpus,
			       const char *const *names)
{
	const struct activity *activity = &f->activity;
	uint64_t *of_cpus = xcalloc(activity->num_columns, sizeof(*of_cpus));
	struct counts counts = { };
	size_t i;

	for (i = 0; i < activity->num_columns; i++) {
		if (!is_here(cpus, activity->columns[i]))
			continue;
		of_cpus[counts.num_cpus] = count_in_column(activity, names, i);
		counts.some += of_cpus[counts.num_cpus++];
		counts.all += count_in_column(activity, NULL, i);
	}
	qsort(of_cpus, counts.num_cpus, sizeof(*of_cpus), compare_downwards);
	for (i = 0; i < counts.num_cpus && i < f->guest->guest.vcpus; i++)
		counts.reach += of_cpus[i];
	free(of_cpus);
	return counts;
}

static char *say_counts(const struct facts *f, const struct guest_cpus *cpus,
			const struct counts *counts, const char *what)
{
	double share = counts->all ? 100.0 * counts->some / counts->all : 0;
	char *text = cpus->is_known ?
		xasprintf("%.0f %% of the interrupts on the %zu CPU%s that its vCPUs may use",
			  share, counts->num_cpus, plural(counts->num_cpus)) :
		xasprintf("%.0f %% of this machine's interrupts", share);

	append(&text, " were %s, %.0f per second; at most %.0f of these can be its exits%s", what,
	       rate_of_machine(f, counts->some), most_of_machine(f, counts->reach),
	       cpus->is_known ? "" : "; which CPUs its vCPUs' threads may use cannot be read");
	return text;
}

/* Looks only at CPUs that its vCPUs may use: other CPUs may have other interrupts. */
static enum answer are_mostly(const struct facts *f, const char *const *names,
			      const char *what, char **seen)
{
	double exits = load_of_both(f, &interrupts).rate, reach;
	struct guest_cpus cpus;
	struct counts counts;

	if (!f->activity.are_interrupts_known) {
		*seen = xasprintf("/proc/interrupts was not read at the interval's beginning%s",
				  f->env->past ? ": not recorded" : "");
		return ANSWER_UNKNOWN;
	}
	cpus_are_known(f, &cpus);
	counts = counts_of(f, &cpus, names);
	*seen = say_counts(f, &cpus, &counts, what);
	reach = most_of_machine(f, counts.reach);
	if (reach < exits / 10)
		return ANSWER_NO;
	return cpus.is_known && counts.some >= counts.all / 2 && reach >= exits / 2 ?
	       ANSWER_YES : ANSWER_UNKNOWN;
}

static enum answer are_of_devices(const struct facts *f, char **seen)
{
	return are_mostly(f, devices, "devices' (numbers, HYP)", seen);
}

static enum answer are_passed_through(const struct facts *f, char **seen)
{
	return are_mostly(f, passed_through, "of devices passed through (vfio)", seen);
}

/* As many as a callback has may be timers as well as devices. */
static enum answer are_timers(const struct facts *f, char **seen)
{
	enum answer answer = are_mostly(f, timers, "of its own timers (LOC, HVS)", seen);
	char *text = NULL;

	if (answer == ANSWER_NO && are_mostly(f, callbacks, "callbacks", &text) != ANSWER_NO)
		answer = ANSWER_UNKNOWN;
	free(text);
	return answer;
}

static enum answer are_ipis(const struct facts *f, char **seen)
{
	return are_mostly(f, ipis, "from CPU to CPU (RES, CAL, TLB, IWI)", seen);
}

static enum answer are_posted(const struct facts *f, char **seen)
{
	return are_mostly(f, posted, "posted for guests (PIN, NPI, PIW)", seen);
}

/* Seconds that an interrupt takes with its own work only, and where it has more to do. */
#define MOST_ALONE	20e-6
#define LEAST_WORK	50e-6

/* KVM lets this machine handle the interrupt, with all that is due then, and goes on. */
static enum answer work_within(const struct facts *f, char **seen)
{
	struct load irq = load_of_both(f, &interrupts);
	double each = irq.rate ? irq.parts[PART_KERNEL] / irq.rate : 0;

	*seen = xasprintf("an interrupt takes KVM %.1f us", each * 1e6);
	if (each < MOST_ALONE)
		return ANSWER_NO;
	return each >= LEAST_WORK && may_be_stolen(f, irq.parts[PART_KERNEL], seen) == ANSWER_NO ?
	       ANSWER_YES : ANSWER_UNKNOWN;
}

/* NULL if none came on its CPUs. */
static const struct interrupt *most_frequent(const struct facts *f, const char *const *names)
{
	const struct activity *activity = &f->activity;
	const struct interrupt *most = NULL;
	struct guest_cpus cpus;
	uint64_t largest = 0;
	size_t i;

	cpus_are_known(f, &cpus);
	for (i = 0; i < activity->num_interrupts; i++) {
		const struct interrupt *one = &activity->interrupts[i];
		uint64_t count = is_among(one, names) ? count_here(f, &cpus, one) : 0;

		if (count > largest) {
			largest = count;
			most = one;
		}
	}
	return most;
}

static char *move_device(const struct facts *f)
{
	const struct interrupt *most = most_frequent(f, devices);

	if (most && !is_device(most))
		return xstrdup("move the hypervisor's callbacks (HYP) to CPUs without vCPUs: on Hyper-V the channels of its devices, cpu in /sys/bus/vmbus/devices/*/channels/*; on Xen the interrupts xen-dyn in /proc/interrupts");
	if (!most)
		return xstrdup("move them to CPUs without vCPUs: /proc/irq/N/smp_affinity_list");
	return xasprintf("move interrupt %s (%s) to CPUs without vCPUs: echo CPUS > /proc/irq/%s/smp_affinity_list, and ban the others in irqbalance (IRQBALANCE_BANNED_CPULIST). If the write is refused, as for most disks (NVMe, virtio-blk), the kernel places it: isolcpus=managed_irq,CPUS on its command line, for those of the vCPUs",
			 most->name, most->device, most->name);
}

static char *less_of_passed_device(const struct facts *f)
{
	const struct interrupt *most = most_frequent(f, passed_through);

	return xasprintf("fewer interrupts of the device%s%s%s in the guest: fewer queues, interrupt coalescing (ethtool -C there). Without exits they reach the guest only as posted interrupts of an IOMMU, which L0 would have to offer",
			 most ? " (" : "", most ? most->device : "", most ? ")" : "");
}

static const struct cause causes[] = {
	{
		"softirqs", "work of this machine within its interrupts", "L1",
		"the other CPUs do it",
		{ { work_within, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"which lines of /proc/softirqs grow on its CPUs; perf top -C CPUS of its vCPUs",
		"keep that work off the vCPUs' CPUs: network packets by /proc/irq/N/smp_affinity_list and rps_cpus of their queues, block devices by rq_affinity=2, timers and RCU callbacks by nohz_full=CPUS and rcu_nocbs=CPUS on the kernel's command line",
		gain_of_part,
	}, {
		"passthrough-interrupts", "interrupts of devices passed through to guests",
		"guest and L0", "its devices react later",
		{ { are_passed_through, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"whether lines of vfio grow in /proc/interrupts",
		.change_of = less_of_passed_device, .gain = gain_of_part,
	}, {
		"device-interrupts", "interrupts of this machine's devices", "L1",
		"the other CPUs get them",
		{ { are_of_devices, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"whether numbered lines or HYP grow in /proc/interrupts",
		.change_of = move_device, .gain = gain_of_part,
	}, {
		"host-timers", "timers of this machine", "L1",
		"the CPUs without a tick are for vCPUs only",
		{ { are_timers, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"whether LOC or HVS grows in /proc/interrupts; perf record -e timer:hrtimer_expire_entry -a",
		"no tick where a vCPU is alone on its CPU: nohz_full=CPUS and rcu_nocbs=CPUS on the kernel's command line. KVM's timers for guests are among them: the preemption timer (l1tune caps) needs none of the host's; where it is not offered, kvm.pi_inject_timer=1 moves them to other CPUs, but only of guests that have APICv or AVIC and, on newer kernels, HLT or MWAIT without exits (hlt_in_guest, QEMU -overcommit cpu-pm=on): for others it changes nothing",
		gain_of_part,
	}, {
		"host-ipis", "interrupts from CPU to CPU", "L1",
		"others get fewer CPUs",
		{ { are_ipis, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"whether RES, CAL, TLB and IWI grow in /proc/interrupts",
		"keep tasks that send them off the vCPUs' CPUs: the VMM's other threads on CPUs of their own (libvirt's emulatorpin and iothreadpin), isolcpus=domain,managed_irq,CPUS for the rest; perf record -e irq_vectors:reschedule_entry,irq_vectors:call_function_entry -ag says who sends them",
		gain_of_part,
	}, {
		"posted-interrupts", "interrupts posted for guests", "guest",
		"its devices react later",
		{ { are_posted, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"whether PIN, NPI and PIW grow in /proc/interrupts",
		"nothing, if the guest is busy with its devices: they send these. Fewer queues or interrupts per packet (ethtool -C in the guest) reduce them",
		gain_not_counted,
	},
};

const struct symptom symptom_interrupts = {
	"interrupts", "interrupts of this machine on vCPUs' CPUs", CAUSES(causes),
	is_interrupted, &interrupts,
};
