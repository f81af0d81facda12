// SPDX-License-Identifier: GPL-2.0
/* vCPUs that could run and had no CPU: a quota, too few CPUs, or others on them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "explain/cause.h"
#include "model/cgroup.h"
#include "model/machine.h"
#include "model/vmm.h"

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
	a->evidence = xasprintf("its vCPUs were runnable without a CPU for %.2f s of each second; %llu vCPUs of all guests on %llu CPUs",
				cpus, (unsigned long long)f->num_vcpus,
				(unsigned long long)f->num_cpus);
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

static enum answer is_out_of_quota(const struct facts *f, char **seen)
{
	double quota, cpus = without_cpu(f);

	if (!read_quota(f, &quota)) {
		*seen = xstrdup("for how long quotas of its cgroups throttled it is not known");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("quotas of its cgroups throttled it for at most %.2f s of each second",
			  quota);
	if (quota < cpus / 10)
		return ANSWER_NO;
	/* At most: below half it may be less than the others'. */
	return quota >= cpus / 2 ? ANSWER_YES : ANSWER_UNKNOWN;
}

#define MAX_CPUS	8192

/* "Cpus_allowed_list:	0-3,8" of a thread; false if it cannot be read. */
static bool add_allowed(const struct facts *f, const char *task, bool *allowed)
{
	char *name = xasprintf("%s/status", task);
	char *text = machine_text(f->env->proc, name);
	char *s = text ? strstr(text, "\nCpus_allowed_list:") : NULL;
	bool is_known = s;

	for (s = s ? strpbrk(s, "0123456789") : NULL; s && *s && *s != '\n';) {
		unsigned long cpu = strtoul(s, &s, 10), last = cpu;

		if (*s == '-')
			last = strtoul(s + 1, &s, 10);
		for (; cpu <= last && cpu < MAX_CPUS; cpu++)
			allowed[cpu] = true;
		s += *s == ',';
	}
	free(text);
	free(name);
	return is_known;
}

/* Of all threads that run its vCPUs, together; false if not all are known. */
static bool add_allowed_vcpus(const struct facts *f, const char *process, bool *allowed)
{
	struct vcpu_threads threads = { };
	int fd = sysfs_open_dir(f->env->proc_fd, process);
	bool is_known;
	size_t i;

	if (fd < 0)
		return false;
	vcpu_threads_find(fd, f->guest->guest.vcpus, &threads);
	close(fd);
	is_known = threads.num && threads.num >= f->guest->guest.vcpus;
	for (i = 0; is_known && i < threads.num; i++) {
		char *task = xasprintf("%s/task/%llu", process,
				       (unsigned long long)threads.tids[i]);

		is_known = add_allowed(f, task, allowed);
		free(task);
	}
	vcpu_threads_free(&threads);
	return is_known;
}

/* vCPUs may be pinned each by itself: what the process may use does not rule that out. */
static enum answer is_confined(const struct facts *f, char **seen)
{
	uint64_t vcpus = f->guest->guest.vcpus, cpus = 0;
	char *process = xasprintf("%llu", (unsigned long long)f->guest->guest.pid);
	bool by_vcpus[MAX_CPUS] = { }, by_process[MAX_CPUS] = { };
	bool are_vcpus_known = add_allowed_vcpus(f, process, by_vcpus);
	bool is_known = are_vcpus_known || add_allowed(f, process, by_process);
	size_t i;

	free(process);
	if (!is_known) {
		*seen = xstrdup("which CPUs the VMM may use cannot be read");
		return ANSWER_UNKNOWN;
	}
	for (i = 0; i < MAX_CPUS; i++)
		cpus += are_vcpus_known ? by_vcpus[i] : by_process[i];
	*seen = xasprintf("its %s may use %llu CPUs for %llu vCPUs",
			  are_vcpus_known ? "vCPUs' threads" : "VMM",
			  (unsigned long long)cpus, (unsigned long long)vcpus);
	if (cpus < vcpus)
		return ANSWER_YES;
	return are_vcpus_known ? ANSWER_NO : ANSWER_UNKNOWN;
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

static enum answer are_too_many(const struct facts *f, char **seen)
{
	if (!f->num_cpus) {
		*seen = xstrdup("how many CPUs there are cannot be read");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("%llu vCPUs on %llu CPUs",
			  (unsigned long long)f->num_vcpus,
			  (unsigned long long)f->num_cpus);
	if (f->num_vcpus <= f->num_cpus)
		return ANSWER_NO;
	return were_cpus_idle(f, seen) == ANSWER_YES ? ANSWER_UNKNOWN : ANSWER_YES;
}

/* A thread that runs a vCPU of it, by the module or by what /proc shows; or 0. */
static uint64_t find_vcpu_thread(const struct facts *f, const char *process)
{
	uint64_t tid = snapshot_thread(f->guest);
	struct vcpu_threads threads = { };
	int fd = tid ? -1 : sysfs_open_dir(f->env->proc_fd, process);

	if (fd < 0)
		return tid;
	vcpu_threads_find(fd, f->guest->guest.vcpus, &threads);
	close(fd);
	tid = threads.num ? threads.tids[0] : 0;
	vcpu_threads_free(&threads);
	return tid;
}

/*
 * /proc/PID/cgroup of a vCPU's thread, which some VMMs keep in a cgroup of its
 * own, or of the process. A copy, or NULL.
 */
static char *read_cgroup_file(const struct facts *f)
{
	char *process = xasprintf("%llu", (unsigned long long)f->guest->guest.pid);
	uint64_t tid = find_vcpu_thread(f, process);
	char *name, *text;

	name = tid ? xasprintf("%s/task/%llu/cgroup", process,
			       (unsigned long long)tid) :
		     xasprintf("%s/cgroup", process);
	text = machine_text(f->env->proc, name);
	free(name);
	free(process);
	return text;
}

/*
 * The tightest quota on the way from its cgroup to the root, and the longest of
 * their periods: a copy, or NULL.
 */
static char *quota_text(const struct facts *f, double *longest_us)
{
	struct cgroup_mounts mounts = { };
	char *text = read_cgroup_file(f), *directory, *quota = NULL;
	const char *mount = NULL;

	*longest_us = 0;
	cgroup_mounts_update(f->env, &mounts);
	directory = text ? cgroup_cpu_directory(&mounts, text, &mount) : NULL;
	if (directory)
		quota = cgroup_tightest_quota(directory, mount, longest_us);
	free(directory);
	cgroup_mounts_free(&mounts);
	free(text);
	return quota;
}

static char *raise_quota(const struct facts *f)
{
	double longest_us;
	char *quota = quota_text(f, &longest_us);
	char *change = xasprintf("raise the CPU quota of its cgroup%s%s (systemctl set-property UNIT CPUQuota=, a container's or pod's CPU limit); a cpuset does not help",
				 quota ? ": " : "", quota ? quota : "");

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

	free(quota_text(f, &longest_us));
	if (!read_quota(f, &cpus))
		return *all;
	ends = in_interval(f, f->guest->guest.vcpus * longest_us * 1000);
	return gain_at_most(cpus + (ends < all->high ? ends : all->high));
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
		"overcommit", "more vCPUs than CPUs", "L1", "none for the guest",
		{ { are_too_many, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1tune list says how many vCPUs there are",
		"fewer vCPUs than CPUs: move a guest away, or give each fewer vCPUs",
	}, {
		"neighbours", "other tasks on its CPUs", "L1", "the others get less of these CPUs",
		/* No count is of them alone: it is what is left. */
		{ },
		"perf sched timehist -p PID",
		"keep other tasks off its CPUs: a cpuset for the VMM (systemctl set-property UNIT AllowedCPUs=...), another for the rest; perf sched timehist -p PID names them",
	},
};

const struct symptom symptom_no_cpu = {
	"no-cpu", "runnable vCPUs without a CPU", CAUSES(causes), lacks_cpu,
};
