// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of this machine that took a vCPU out of its guest. Which ones they
 * were no exit says: those of the machine in that time do, on the whole.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"

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

static bool is_interrupted(const struct facts *f, struct advice *a)
{
	struct load irq = load_of(f, &interrupts, 2);

	a->gain = gain_of(f, irq.parts[PART_KERNEL], irq.rate);
	if (!is_much_on_vcpu(f, &interrupts, 5000) || !is_worth_it(f, &a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits per second for interrupts of this machine",
				irq.rate);
	return true;
}

static bool is_among(const struct interrupt *one, const char *const *names)
{
	size_t i;

	if (names == devices && strchr("0123456789", one->name[0]))
		return true;
	for (i = 0; names[i]; i++)
		if (!strcmp(names[i], one->name))
			return true;
	return false;
}

static uint64_t count_of(const struct facts *f, const char *const *names)
{
	const struct activity *activity = &f->activity;
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < activity->num_interrupts; i++)
		if (!names || is_among(&activity->interrupts[i], names))
			count += activity->interrupts[i].count;
	return count;
}

static enum answer are_mostly(const struct facts *f, const char *const *names,
			      const char *what, char **seen)
{
	uint64_t all = count_of(f, NULL), some = count_of(f, names);

	if (!f->activity.are_interrupts_known || !all) {
		*seen = xasprintf("/proc/interrupts was not read at the interval's beginning%s",
				  f->env->past ? ": not recorded" : "");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("%.0f %% of this machine's interrupts were %s, %.0f per second",
			  100.0 * some / all, what, rate_of_machine(f, some));
	/* Few of a machine's can be all of those on the CPUs of one guest. */
	return some >= all / 2 ? ANSWER_YES :
	       most_of_machine(f, some) < load_of(f, &interrupts, 2).rate / 10 ? ANSWER_NO :
									 ANSWER_UNKNOWN;
}

static enum answer are_of_devices(const struct facts *f, char **seen)
{
	return are_mostly(f, devices, "devices' (numbers, HYP)", seen);
}

/* As many as a callback has may be timers as well as devices. */
static enum answer are_timers(const struct facts *f, char **seen)
{
	double rate = most_of_machine(f, count_of(f, callbacks));
	enum answer answer = are_mostly(f, timers, "of its own timers (LOC, HVS)", seen);

	return answer == ANSWER_NO && rate >= load_of(f, &interrupts, 2).rate / 10 ?
	       ANSWER_UNKNOWN : answer;
}

static enum answer are_ipis(const struct facts *f, char **seen)
{
	return are_mostly(f, ipis, "from CPU to CPU (RES, CAL, TLB, IWI)", seen);
}

static enum answer are_posted(const struct facts *f, char **seen)
{
	return are_mostly(f, posted, "posted for guests (PIN, NPI, PIW)", seen);
}

static const struct interrupt *most_frequent_device(const struct facts *f)
{
	const struct activity *activity = &f->activity;
	const struct interrupt *most = NULL;
	size_t i;

	for (i = 0; i < activity->num_interrupts; i++) {
		const struct interrupt *one = &activity->interrupts[i];

		if (strchr("0123456789", one->name[0]) && (!most || one->count > most->count))
			most = one;
	}
	return most;
}

static char *move_device(const struct facts *f)
{
	const struct interrupt *most = most_frequent_device(f);

	if (count_of(f, callbacks) > (most ? most->count : 0))
		return xstrdup("move the hypervisor's callbacks (HYP) to CPUs without vCPUs: on Hyper-V the channels of its devices, cpu in /sys/bus/vmbus/devices/*/channels/*; on Xen the interrupts xen-dyn in /proc/interrupts");
	if (!most || !most->count)
		return xstrdup("move them to CPUs without vCPUs: /proc/irq/N/smp_affinity_list");
	return xasprintf("move interrupt %s (%s) to CPUs without vCPUs: echo CPUS > /proc/irq/%s/smp_affinity_list, and ban the others in irqbalance (IRQBALANCE_BANNED_CPULIST)",
			 most->name, most->device, most->name);
}

static const struct cause causes[] = {
	{
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
