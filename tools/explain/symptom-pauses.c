// SPDX-License-Identifier: GPL-2.0
/* Exits for PAUSE: a vCPU spins for another, which has a CPU or has not. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/cpus.h"
#include "explain/hlt-in-guest.h"
#include "explain/interface.h"
#include "model/machine.h"

/* Waiting for a CPU that is less can be that of any guest. */
#define LEAST_WAIT	0.01

static const struct reasons pauses = { { "PAUSE_INSTRUCTION", "pause" } };

static bool spins(const struct facts *f, struct advice *a)
{
	struct load pause = load_of(f, &pauses, 2);

	a->gain = gain_of(f, pause.parts[PART_KERNEL], pause.rate);
	if (!is_much_on_vcpu(f, &pauses, 500) || !is_worth_it(f, &a->gain))
		return false;
	a->evidence = xasprintf("%.0f exits per second for PAUSE; they take KVM %.2f s of each second",
				pause.rate, pause.parts[PART_KERNEL]);
	return true;
}

/* Only a vCPU that waits for a CPU can be one that others spin for. */
static enum answer lacks_cpus(const struct facts *f, char **seen)
{
	double cpus = waited_for_others(f);

	*seen = xasprintf("beside wake-ups its vCPUs wait for a CPU for %.2f s of each second", cpus);
	return is_often(f, cpus, LEAST_WAIT) ? ANSWER_YES : ANSWER_NO;
}

static enum answer loses_cpus(const struct facts *f, char **seen)
{
	const struct exit_stats *stats = &f->guest->stats;
	double cpus = in_interval(f, stats->value[STAT_STOLEN]);

	if (!f->host->virtualized) {
		*seen = xstrdup("there is no L0 that could take a CPU");
		return ANSWER_NO;
	}
	if (!stats->has[STAT_STOLEN]) {
		*seen = xstrdup("whether L0 takes its vCPUs' CPUs is not known: stolen time is not counted");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("L0 did not run its vCPUs' CPUs for %.2f s of each second", cpus);
	return is_often(f, cpus, LEAST_WAIT) ? ANSWER_YES : ANSWER_NO;
}

/* A window that grows by a factor of 0 or 1 keeps its initial length. */
static enum answer is_window_short(const struct facts *f, char **seen)
{
	const char *name = strcmp(f->host->isa, "vmx") ?
			   "kvm_amd/parameters/pause_filter_count_grow" :
			   "kvm_intel/parameters/ple_window_grow";
	char value[16];

	if (!machine_file(f->env->sysfs, value, sizeof(value), "module/%s", name))
		return ANSWER_UNKNOWN;
	*seen = xasprintf("%s is %s", name, value);
	return value[1] || value[0] > '1' ? ANSWER_NO : ANSWER_YES;
}

#define OWN_CPUS "a CPU for each vCPU, or fewer vCPUs"
#define NOT_IN_GUEST "Not pause_in_guest: it would spin until its time slice ends"

static const char *kvm_spinlocks(const struct facts *f)
{
	switch (pv_state_of(f, "pv_unhalt")) {
	case PV_NOT_OFFERED:
		return "offer PV spinlocks, which halt instead of spinning, are not offered now and which Linux guests use: QEMU -cpu MODEL,kvm-pv-unhalt=on";
	case PV_NOT_USED:
		return "let the guest use PV spinlocks, which halt instead of spinning and which it is offered: a Linux guest does with CONFIG_PARAVIRT_SPINLOCKS, unless it has nopvspin";
	default:
		return "in the guest PV spinlocks, which halt instead of spinning (QEMU -cpu MODEL,kvm-pv-unhalt=on; Linux guests use it)";
	}
}

/* Windows has another interface for it: how often to spin before it yields. */
static char *add_spinlocks(const struct facts *f, const char *first)
{
	char *locks = by_interface(f, offers_hyperv(f, "spinlocks") ?
		"hv-spinlocks is offered already" :
		"offer hv-spinlocks, with which Windows yields instead of spinning: QEMU -cpu MODEL,hv-spinlocks=0x1fff",
		kvm_spinlocks(f));
	char *text = xasprintf("%s; %s. " NOT_IN_GUEST, first, locks);

	free(locks);
	return text;
}

static char *halt_instead(const struct facts *f)
{
	return add_spinlocks(f, OWN_CPUS);
}

static char *leave_l0(const struct facts *f)
{
	return add_spinlocks(f, "a machine whose CPUs L0 does not share or limit, or fewer vCPUs busy at a time");
}

static char *let_spin(const struct facts *f)
{
	return xasprintf("%sl1tune tune uid=%llu pause_in_guest=1, start it again, then l1tune tune pause_in_guest=default, and l1tune tune uid=any: otherwise all later guests of the uid get it%s",
			 only_on_own_cpus(f), (unsigned long long)f->guest->guest.uid,
			 has_safe_cpu_pm(f) ? " (for one guest, and for HLT and MWAIT, too: QEMU -overcommit cpu-pm=on)" : "");
}

static const struct cause causes[] = {
	{
		"pause-preempted", "spinning for a vCPU without a CPU", "L1 and guest",
		"others get less of the machine",
		{ { lacks_cpus, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"RUNQ in l1tune list",
		.change_of = halt_instead, .gain = gain_of_part,
	}, {
		"pause-stolen", "spinning for a vCPU whose CPU L0 does not run", "L0",
		"a higher bill",
		{ { loses_cpus, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1tune doctor: stolen time; l1tune list: STOLEN",
		.change_of = leave_l0, .gain = gain_of_part,
	}, {
		"pause-in-guest", "exits for PAUSE on dedicated CPUs", "L1",
		"until the guest ends; if its vCPUs ever share CPUs, one that spins uses the time of the one it waits for",
		{ { has_own_cpus, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { lacks_cpus, VERDICT_RULED_OUT, VERDICT_OPEN },
		  { loses_cpus, VERDICT_RULED_OUT, VERDICT_OPEN } },
		OWN_CPUS_BY,
		.change_of = let_spin,
	}, {
		"pause-window", "a PAUSE window that does not grow", "L1",
		"all guests must stop for it",
		{ { is_window_short, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"ple_window_grow of kvm_intel, pause_filter_count_grow of kvm_amd in /sys/module",
		"KVM's defaults: remove ple_window_grow of kvm_intel, pause_filter_count_grow of kvm_amd from /etc/modprobe.d, then reload",
		gain_of_part,
	},
};

const struct symptom symptom_pauses = {
	"pauses", "exits for PAUSE", CAUSES(causes), spins, &pauses,
};
