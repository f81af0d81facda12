// SPDX-License-Identifier: GPL-2.0
/* vCPUs that could run and had no CPU: a quota, too few CPUs, or others on them. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/baseline.h"
#include "explain/cpus.h"
#include "explain/stolen.h"
#include "model/machine.h"

static double without_cpu(const struct facts *f)
{
	return load_of_both(f, &all_reasons).parts[PART_RUNQ];
}

static bool lacks_cpu(const struct facts *f, struct advice *a)
{
	double cpus = without_cpu(f);

	if (!is_often(f, cpus, 0.05))
		return false;
	a->gain = gain_at_most(cpus);
	a->evidence = xasprintf("its vCPUs were runnable without a CPU for %.2f s of each second; %llu vCPU%s of all guests on %llu CPU%s",
				cpus, (unsigned long long)f->num_vcpus, plural(f->num_vcpus),
				(unsigned long long)f->machine.num_cpus, plural(f->machine.num_cpus));
	return true;
}

/* What snapshot_quota_ns() gives, in CPUs. */
static bool read_quota(const struct facts *f, double *cpus)
{
	uint64_t ns;

	if (!snapshot_quota_ns(f->guest, &ns))
		return false;
	*cpus = in_interval(f, ns);
	return true;
}

/*
 * The kernel counts a CPU that is held back once, and up to all vCPUs may have waited
 * for it: that shows a quota only by the least that it can have taken, and rules it
 * out only by the most.
 */
static enum answer is_out_of_quota(const struct facts *f, char **seen)
{
	const struct tally *throttled = &f->guest->beside.throttled;
	double quota, cpus = without_cpu(f);

	if (!read_quota(f, &quota)) {
		*seen = xstrdup("for how long quotas of its cgroups throttled it is not known");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("quotas of its cgroups throttled it for at most %.2f s of each second",
			  quota);
	if (quota < cpus / 10)
		return ANSWER_NO;
	if (!throttled->is_known)
		return ANSWER_UNKNOWN;
	append(seen, ", and CPUs for %.2f s", in_interval(f, throttled->ns));
	/* Below half it may be less than the others'. */
	return in_interval(f, throttled->ns) >= cpus / 2 ? ANSWER_YES : ANSWER_UNKNOWN;
}

static bool read_process_cpus(const struct facts *f, struct affinity *affinity)
{
	char *process = xasprintf("%llu", (unsigned long long)f->guest->guest.pid);
	bool is_known = affinity_add(f->env, process, affinity);

	free(process);
	return is_known;
}

/*
 * A process that may use all CPUs is not confined, however many vCPUs it has. But each
 * vCPU may be pinned, which the affinity of the process does not rule out.
 */
static enum answer is_confined(const struct facts *f, char **seen)
{
	uint64_t vcpus = f->guest->guest.vcpus, cpus;
	struct affinity by_process = { };
	struct shared_cpus shared;
	bool are_vcpus_known = shared_cpus_of(f, &shared);

	if (!are_vcpus_known && !read_process_cpus(f, &by_process)) {
		*seen = xstrdup("which CPUs the VMM may use cannot be read");
		return ANSWER_UNKNOWN;
	}
	cpus = are_vcpus_known ? shared.num : affinity_count(&by_process);
	*seen = xasprintf("its %s may use %llu of %llu CPU%s for %llu vCPU%s",
			  are_vcpus_known ? "vCPUs' threads" : "VMM",
			  (unsigned long long)cpus, (unsigned long long)f->machine.num_cpus,
			  plural(f->machine.num_cpus), (unsigned long long)vcpus, plural(vcpus));
	if (cpus < vcpus && cpus < f->machine.num_cpus)
		return ANSWER_YES;
	return are_vcpus_known ? ANSWER_NO : ANSWER_UNKNOWN;
}

/*
 * More vCPUs than CPUs are no cause while they run seldom. But more time than these
 * CPUs have is missing whoever else uses them.
 */
static enum answer are_shared_by_too_many(const struct facts *f, char **seen)
{
	uint64_t own = f->guest->guest.vcpus, most;
	struct shared_cpus shared;

	if (!shared_cpus_of(f, &shared)) {
		*seen = xstrdup("which CPUs its vCPUs' threads may use cannot be read");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("its vCPUs may use %llu of %llu CPU%s, and so may %llu vCPU%s of all guests",
			  (unsigned long long)shared.num, (unsigned long long)f->machine.num_cpus,
			  plural(f->machine.num_cpus), (unsigned long long)shared.num_vcpus,
			  plural(shared.num_vcpus));
	most = add_saturated(shared.num_vcpus, shared.num_unknown);
	if (shared.num == f->machine.num_cpus || most == own || most <= shared.num)
		return ANSWER_NO;
	append(seen, "; the %llu that may use no others ran and waited for %.2f CPUs",
	       (unsigned long long)shared.num_confined, shared.wanted);
	return shared.num_confined > own && shared.wanted > shared.num ?
	       ANSWER_YES : ANSWER_UNKNOWN;
}

/* vCPUs that wait while CPUs are idle may all want the same CPU, or all at one moment. */
static enum answer were_cpus_idle(const struct facts *f, char **seen)
{
	if (!f->activity.is_idle_known)
		return ANSWER_UNKNOWN;
	append(seen, "; this machine's CPUs were idle for %.2f s of each second",
	       rate_of_machine(f, f->activity.idle_ns) / NSEC_PER_SEC);
	return f->activity.idle_ns >= f->waited_ns ? ANSWER_YES : ANSWER_NO;
}

/* Of a partition all its CPUs are isolated, and others are not its own. */
static enum answer is_partition_isolated(const struct facts *f, const struct guest_cpus *cpus,
					 char **seen)
{
	char *name = isolated_partition_of(f);

	if (!name)
		return ANSWER_NO;
	free(*seen);
	*seen = xasprintf("its vCPUs' threads are in the isolated partition of %s, and %s", name,
			  cpus->may_move ? "may use several CPUs" : "are pinned to one CPU each");
	free(name);
	return cpus->may_move ? were_cpus_idle(f, seen) : ANSWER_NO;
}

/* By isolcpus=, and by partitions as far as this kernel has these in the same file. */
static enum answer are_cpus_isolated(const struct facts *f, const struct guest_cpus *cpus,
				     char **seen)
{
	struct affinity isolated = { };
	char list[256];

	if (!machine_file(f->env->sysfs, list, sizeof(list), "devices/system/cpu/isolated")) {
		*seen = xstrdup("/sys/devices/system/cpu/isolated cannot be read");
		return ANSWER_UNKNOWN;
	}
	affinity_add_list(list, &isolated);
	if (!affinity_count(&isolated)) {
		*seen = xstrdup("no CPU of this machine is isolated");
		return ANSWER_NO;
	}
	if (!cpus->is_known) {
		*seen = xasprintf("CPUs %s are isolated; which its vCPUs' threads may use cannot be read",
				  list);
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("CPUs %s are isolated; its vCPUs' threads %s", list,
			  !affinity_overlaps(&isolated, &cpus->affinity) ? "use none of them" :
			  cpus->may_move ? "may use several" : "are pinned to one each");
	if (!affinity_overlaps(&isolated, &cpus->affinity) || !cpus->may_move)
		return ANSWER_NO;
	return affinity_contains(&isolated, &cpus->affinity) ?
	       were_cpus_idle(f, seen) : ANSWER_UNKNOWN;
}

/* The scheduler moves no task from one to another: all vCPUs may wait for the first. */
static enum answer are_isolated(const struct facts *f, char **seen)
{
	struct guest_cpus cpus;
	enum answer answer;

	cpus_are_known(f, &cpus);
	answer = are_cpus_isolated(f, &cpus, seen);
	return answer == ANSWER_NO && cpus.is_known ? is_partition_isolated(f, &cpus, seen) : answer;
}

/*
 * With a group for each guest, or each vCPU, the kernel leaves a sibling thread of a core idle
 * rather than to run another one's vCPU there.
 */
static enum answer are_kept_apart(const struct facts *f, char **seen)
{
	const struct activity *activity = &f->activity;
	double all = in_interval(f, f->waited_ns), forced;
	char active[8];

	if (!machine_file(f->env->sysfs, active, sizeof(active), "devices/system/cpu/smt/active")) {
		*seen = xstrdup("/sys/devices/system/cpu/smt/active cannot be read");
		return ANSWER_UNKNOWN;
	}
	if (strcmp(active, "1")) {
		*seen = xstrdup("this machine's cores have one thread each");
		return ANSWER_NO;
	}
	*seen = xstrdup("this machine's cores have sibling threads");
	/* Those are idle, too. */
	if (were_cpus_idle(f, seen) == ANSWER_NO &&
	    rate_of_machine(f, activity->idle_ns) / NSEC_PER_SEC < without_cpu(f) / 10)
		return ANSWER_NO;
	if (!activity->is_forced_idle_known)
		return ANSWER_UNKNOWN;
	forced = rate_of_machine(f, activity->forced_idle_ns) / NSEC_PER_SEC;
	append(seen, ", by core scheduling for %.2f s", forced);
	if (forced < without_cpu(f) / 10)
		return ANSWER_NO;
	return forced >= all / 2 ? ANSWER_YES : ANSWER_UNKNOWN;
}

/* For how many CPUs the vCPUs of all guests ran. */
static double cpus_run(const struct facts *f)
{
	return cpus_wanted(f) - in_interval(f, f->waited_ns);
}

/* By its main thread: VMMs that move other threads away move it as well. */
static enum answer are_own_threads_there(const struct facts *f)
{
	struct affinity process = { };
	struct guest_cpus cpus;

	if (!cpus_are_known(f, &cpus) || !read_process_cpus(f, &process))
		return ANSWER_UNKNOWN;
	return affinity_overlaps(&process, &cpus.affinity) ? ANSWER_YES : ANSWER_NO;
}

/* They have the CPUs for which vCPUs wait if both together fill these. */
static enum answer have_own_threads(const struct facts *f, char **seen)
{
	const struct tally *helpers = &f->guest->beside.helpers;
	double waited = without_cpu(f), cpus = in_interval(f, helpers->ns), ran = cpus_run(f);
	struct shared_cpus shared;
	enum answer are_there;

	if (!helpers->is_known) {
		*seen = xstrdup("the CPU time of its VMM's other threads is not known");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("threads of its VMM that run no vCPU, and KVM's for it, ran for %.2f s of each second",
			  cpus);
	if (cpus < waited / 10)
		return ANSWER_NO;
	are_there = are_own_threads_there(f);
	if (are_there == ANSWER_NO)
		append(seen, ", and may not use its vCPUs' CPUs");
	if (are_there != ANSWER_YES || !shared_cpus_of(f, &shared))
		return are_there == ANSWER_NO ? ANSWER_NO : ANSWER_UNKNOWN;
	append(seen, ", vCPUs for %.2f s, on %llu CPU%s", ran, (unsigned long long)shared.num,
	       plural(shared.num));
	return cpus >= waited / 2 && cpus + ran >= 0.8 * shared.num ?
	       ANSWER_YES : ANSWER_UNKNOWN;
}

/*
 * A vCPU waits for a CPU that is this machine's, and which L0 does not run meanwhile. If L0
 * had not taken so much, half of what all guests waited for would have been there.
 */
static enum answer are_taken_by_l0(const struct facts *f, char **seen)
{
	double stolen;

	if (!f->host->virtualized) {
		*seen = xstrdup("there is no L0 that could take a CPU");
		return ANSWER_NO;
	}
	if (!stolen_of_machine(f, &stolen)) {
		*seen = xstrdup("for how long L0 did not run this machine's CPUs is not known");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("L0 did not run this machine's CPUs for %.2f s of each second, all guests waited for %.2f s",
			  stolen, in_interval(f, f->waited_ns));
	if (stolen < without_cpu(f) / 10)
		return ANSWER_NO;
	return stolen >= in_interval(f, f->waited_ns) / 2 ? ANSWER_YES : ANSWER_UNKNOWN;
}

/* Time that CPUs were in use for others is not the vCPUs', however many wait for it. */
static enum answer had_others_cpus(const struct facts *f, char **seen)
{
	double used, ran = cpus_run(f), stolen;

	if (!f->activity.is_idle_known)
		return ANSWER_UNKNOWN;
	stolen_of_machine(f, &stolen);
	used = f->machine.num_cpus - stolen - rate_of_machine(f, f->activity.idle_ns) / NSEC_PER_SEC;
	append(seen, "; they ran for %.2f of the %.2f CPUs that were in use", ran, used);
	return ran < used / 2 ? ANSWER_YES : ANSWER_NO;
}

/* Others may have the CPUs while there are more vCPUs than these: see above. */
static enum answer are_too_many(const struct facts *f, char **seen)
{
	double wanted = cpus_wanted(f);

	if (!f->machine.num_cpus) {
		*seen = xstrdup("how many CPUs there are cannot be read");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("%llu vCPU%s on %llu CPU%s",
			  (unsigned long long)f->num_vcpus, plural(f->num_vcpus),
			  (unsigned long long)f->machine.num_cpus, plural(f->machine.num_cpus));
	if (f->num_vcpus <= f->machine.num_cpus)
		return ANSWER_NO;
	if (wanted <= f->machine.num_cpus) {
		append(seen, ", which ran and waited for %.2f CPUs", wanted);
		return ANSWER_UNKNOWN;
	}
	append(seen, ", which ran and waited for more than these");
	return were_cpus_idle(f, seen) == ANSWER_YES || had_others_cpus(f, seen) == ANSWER_YES ?
	       ANSWER_UNKNOWN : ANSWER_YES;
}

/* Linux 6.12, which keeps time for other tasks by a server of their own, whatever the runtime is. */
#define FAIR_SERVER	6012

/*
 * The kernel keeps a part of each CPU from real-time tasks, by its default 5 %. No file
 * counts what that takes of one.
 */
static enum answer are_held_back(const struct facts *f, char **seen)
{
	struct guest_cpus cpus;
	char runtime[32] = "";

	if (!cpus_are_known(f, &cpus)) {
		*seen = xstrdup("whether its vCPUs' threads are real-time tasks cannot be read");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("its vCPUs' threads are %sreal-time tasks",
			  cpus.is_realtime ? "" : "no ");
	if (cpus.is_realtime && machine_file(f->env->proc, runtime, sizeof(runtime),
					     "sys/kernel/sched_rt_runtime_us"))
		append(seen, "; kernel.sched_rt_runtime_us is %s", runtime);
	if (!cpus.is_realtime)
		return ANSWER_NO;
	return kernel_version_of(f) < FAIR_SERVER && !strcmp(runtime, "-1") ? ANSWER_NO : ANSWER_YES;
}

/* A CPU that others keep is missing for a tick of the scheduler or longer. */
#define TICK_S		1e-3

static enum answer are_wake_ups(const struct facts *f, char **seen)
{
	struct load load = load_of(f, &halts, 2);
	double waited = without_cpu(f), mean_s;

	*seen = xasprintf("%.2f s of it after halts", load.parts[PART_RUNQ]);
	if (load.parts[PART_RUNQ] < waited / 10)
		return ANSWER_NO;
	mean_s = load.parts[PART_RUNQ] / load.rate;
	append(seen, ", %.0f us for each", mean_s * 1e6);
	if (mean_s > TICK_S)
		return ANSWER_NO;
	return mean_s <= WAKE_UP_S && load.parts[PART_RUNQ] >= waited / 2 ?
	       ANSWER_YES : ANSWER_UNKNOWN;
}

static char *raise_quota(const struct facts *f)
{
	double longest_us;
	bool is_known;
	char *quota = quota_of(f, &longest_us, &is_known);
	char *change = xasprintf("raise the CPU quota of its cgroup%s%s (%s); a cpuset does not help",
				 quota ? ": " : "", quota ? quota : "",
				 quota && strstr(quota, "/libvirt/") ?
				 "virsh schedinfo DOMAIN vcpu_quota=-1 (or a larger one, where libvirt refuses that), in OpenStack quota:cpu_quota of the flavor" :
				 "systemctl set-property UNIT CPUQuota=, a container's or pod's CPU limit, Proxmox's cpulimit");

	free(quota);
	return change;
}

/*
 * The quota's part, which has no lower bound. The kernel counts it at the end of each
 * period, and the interval is no whole number of them: of each vCPU up to a period more
 * may be the quota's, also where that is more than the interval saw of waiting. How many
 * of them waited at all is not known, so that is no more than all of the waiting again.
 */
static struct gain quota_gain(const struct facts *f, const struct gain *all)
{
	double cpus, longest_us, ends;
	bool is_known;

	free(quota_of(f, &longest_us, &is_known));
	if (!read_quota(f, &cpus))
		return *all;
	ends = in_interval(f, f->guest->guest.vcpus * longest_us * 1000);
	return gain_at_most(cpus + (ends < all->high ? ends : all->high));
}

/* What no vCPU and no thread of its VMM ran for, while no CPU was idle that others could have had. */
static enum answer ran_others(const struct facts *f, char **seen)
{
	const struct tally *helpers = &f->guest->beside.helpers;
	double others;

	if (!f->activity.is_idle_known || !helpers->is_known)
		return ANSWER_UNKNOWN;
	others = rate_of_machine(f, f->activity.busy_ns) / NSEC_PER_SEC - cpus_run(f) -
		 in_interval(f, helpers->ns);
	*seen = xasprintf("other tasks ran for %.2f s of each second, all guests waited for %.2f s",
			  others > 0 ? others : 0, in_interval(f, f->waited_ns));
	return were_cpus_idle(f, seen) == ANSWER_NO && others >= in_interval(f, f->waited_ns) / 2 ?
	       ANSWER_YES : ANSWER_UNKNOWN;
}

/* Less than others have, if these have the default: it shows nothing. */
static enum answer has_low_weight(const struct facts *f, char **seen)
{
	*seen = low_weight_of(f);
	return ANSWER_UNKNOWN;
}

static char *favour(const struct facts *f)
{
	char *weight = low_weight_of(f);
	char *change = xasprintf("%s%skeep other tasks off its CPUs: a cpuset for the VMM (systemctl set-property UNIT AllowedCPUs=...), another for the rest; or give the VMM more weight than these have (CPUWeight=, cpu.weight or cpu.shares of its cgroup, a pod's CPU request, libvirt's shares). perf sched timehist -p PID names them",
				 weight ? weight : "", weight ? ": set the default, or " : "");

	free(weight);
	return change;
}

#define NO_SLEEP "fewer sleeps, or CPUs that do not sleep: more halt polling (/sys/module/kvm/parameters/halt_poll_ns: l1tune bench --save, then l1tune advise on halts), or "

/* A driver for idle CPUs that is there, as on most hardware, does not give way to another one. */
static const char *wake_sooner(const struct facts *f)
{
	char driver[32];

	if (!machine_file(f->env->sysfs, driver, sizeof(driver),
			  "devices/system/cpu/cpuidle/current_driver") || !strcmp(driver, "none"))
		return "this machine's idle CPUs poll: modprobe cpuidle_haltpoll force=1";
	if (!strcmp(driver, "haltpoll"))
		return "this machine's idle CPUs poll for longer: guest_halt_poll_ns in /sys/module/haltpoll/parameters";
	return "no sleep states that take long to leave: cpupower idle-set -D 10";
}

/* What polls uses up the CPU time that L0 gives in advance, and L0 then takes the rest. */
static char *sleep_less(const struct facts *f)
{
	char *type = NULL;
	char *change = has_cpu_baseline(f, &type) == ANSWER_YES ?
		xasprintf("fewer sleeps. No polling, neither KVM's nor of idle CPUs: %s, and polling uses up the CPU time that L0 gives above it",
			  type) : xasprintf(NO_SLEEP "%s", wake_sooner(f));

	free(type);
	return change;
}

static const struct cause causes[] = {
	{
		"quota", "an exhausted CPU quota", "L1", "others get less of the machine",
		{ { is_out_of_quota, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"nr_throttled in cpu.stat of its cgroup and its parents",
		.change_of = raise_quota, .gain = quota_gain,
	}, {
		"confined", "fewer CPUs allowed than it has vCPUs", "L1",
		"others lose the CPUs that it gets",
		{ { is_confined, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"Cpus_allowed_list in /proc/PID/task/TID/status of its vCPUs",
		"give the VMM as many CPUs as it has vCPUs: its cpuset (systemctl set-property UNIT AllowedCPUs=...), or the pinning of whoever starts it (taskset, libvirt's vcpupin); or fewer vCPUs",
	}, {
		"shared-set", "guests that share too few of the CPUs", "L1",
		"others lose the CPUs that these guests get",
		{ { are_shared_by_too_many, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"Cpus_allowed_list in /proc/PID/task/TID/status of the vCPUs of all guests",
		"let these guests use more of this machine's CPUs: their cpusets (systemctl set-property UNIT AllowedCPUs=...), or the pinning of whoever starts them (taskset, libvirt's vcpupin); a cpuset for one of them takes CPUs from the others",
	}, {
		"isolated", "isolated CPUs, between which no task is moved", "L1",
		"a cpuset partition takes its CPUs from others",
		{ { are_isolated, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"the column PSR of ps -L -o tid,psr,comm -p PID: vCPUs that share one CPU",
		"pin each vCPU to a CPU of its own (taskset -p, libvirt's vcpupin, affinity of Proxmox): on CPUs of isolcpus= and of isolated partitions the scheduler leaves a task where it is. Or a cpuset partition in which it moves tasks: systemctl set-property UNIT AllowedCPUs=..., and root, not isolated, in cpuset.cpus.partition of that cgroup",
	}, {
		"core-scheduling", "sibling threads that core scheduling keeps idle", "VMM and L1",
		"guests that share a core can read each other's data (L1TF, MDS) on CPUs that are affected",
		{ { are_kept_apart, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"sysctl kernel.sched_schedstats=1, then l1tune advise again: it takes the count core_sched.force_idle_usec in cpu.stat of the root cgroup; coresched get -p TID of a vCPU (util-linux 2.40): a cookie of 0 is no core scheduling",
		"guests with as many vCPUs as a core has threads, whose vCPUs run beside each other; or for trusted guests no core scheduling: Cloud Hypervisor --cpus core_scheduling=off (from version 52 on it is vm by default), crosvm --core-scheduling=false (by default each vCPU is kept apart, with --per-vm-core-scheduling each guest)",
		gain_of_part,
	}, {
		"own-threads", "other threads of the VMM on its vCPUs' CPUs", "VMM",
		"others lose the CPUs that it gets",
		{ { have_own_threads, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"top -H -p PID: which of its threads run",
		"a CPU more for the VMM than it has vCPUs, or its other threads on CPUs of their own: a larger cpuset, libvirt's emulatorpin and iothreadpin, KubeVirt's isolateEmulatorThread, taskset; or less work for these threads (l1tune advise on helpers, a GPU for what is rendered in software)",
	}, {
		"stolen-cpus", "CPUs that L0 does not run", "L0", "a higher bill",
		{ { are_taken_by_l0, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"st in top or vmstat 1, if L0 has a steal clock (l1tune doctor: stolen time); otherwise whoever runs L0 knows its CPU shares and limits",
		.change_of = leave_shared_l0, .gain = gain_of_part,
	}, {
		"overcommit", "more vCPUs than CPUs", "L1", "none for the guest",
		{ { are_too_many, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1tune list: VCPUS, and GUEST, KVM, VMM and RUNQ of all guests",
		"fewer vCPUs than CPUs: move a guest away, or give each fewer vCPUs",
	}, {
		"real-time", "the part of a CPU that the kernel keeps from real-time tasks", "L1",
		"a vCPU that never sleeps starves all others on its CPU, also the kernel's threads",
		{ { are_held_back, VERDICT_OPEN, VERDICT_RULED_OUT } },
		"sched_rt_runtime_us and sched_rt_period_us in /proc/sys/kernel; since Linux 6.12 /sys/kernel/debug/sched/fair_server",
		"sysctl kernel.sched_rt_runtime_us=-1, since Linux 6.12 less runtime in /sys/kernel/debug/sched/fair_server/cpuN, with nothing else on these CPUs; or vCPUs that are no real-time tasks",
	}, {
		"wake-ups", "the time that each wake-up takes", "L1",
		"CPUs that poll take time from this machine's other tasks and from L0's guests",
		{ { are_wake_ups, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"perf sched timehist -p PID: a short sch delay after each sleep",
		.change_of = sleep_less,
	}, {
		"neighbours", "other tasks on its CPUs", "L1", "the others get less of these CPUs",
		/* They also remain if the others are ruled out. */
		{ { ran_others, VERDICT_SHOWN, VERDICT_OPEN }, { has_low_weight } },
		"perf sched timehist -p PID",
		.change_of = favour,
	},
};

const struct symptom symptom_no_cpu = {
	"no-cpu", "runnable vCPUs without a CPU", CAUSES(causes), lacks_cpu,
};
