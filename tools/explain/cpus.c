// SPDX-License-Identifier: GPL-2.0
/* The CPUs that a guest's vCPUs may use, which guests share them, and for how long. */
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "explain/baseline.h"
#include "explain/cpus.h"
#include "model/cgroup-cpuset.h"
#include "model/task.h"
#include "model/vmm.h"

/* Some 20 hierarchies at most, and paths. */
#define MAX_CGROUP	(64 << 10)

/* The threads that run a guest's vCPUs: by the module, or by what /proc shows. */
static void find_threads(const struct env *env, const struct guest_snapshot *guest,
			 struct vcpu_threads *threads)
{
	char *process = xasprintf("%llu", (unsigned long long)guest->guest.pid);
	size_t i;
	int fd;

	*threads = (struct vcpu_threads){ };
	for (i = 0; i < guest->num_vcpus; i++)
		if (guest->vcpus[i].stats.has[STAT_TID] &&
		    guest->vcpus[i].stats.value[STAT_TID])
			*GROW(threads->tids, threads->num) =
				guest->vcpus[i].stats.value[STAT_TID];
	fd = threads->num ? -1 : sysfs_open_dir(env->proc_fd, process);
	if (fd >= 0) {
		vcpu_threads_find(fd, guest->guest.vcpus, threads);
		close(fd);
	}
	free(process);
}

static char *thread_name(const struct guest_snapshot *guest, uint64_t tid)
{
	return xasprintf("%llu/task/%llu", (unsigned long long)guest->guest.pid,
			 (unsigned long long)tid);
}

static bool read_thread(const struct env *env, const char *name, struct guest_cpus *cpus)
{
	struct affinity own = { };
	struct task task;

	if (task_read(env->proc_fd, name, &task) || !affinity_add(env, name, &own))
		return false;
	cpus->is_realtime |= task.is_realtime;
	cpus->is_idle |= task.is_idle;
	if (task.nice > cpus->nice)
		cpus->nice = task.nice;
	cpus->may_move |= affinity_count(&own) > 1;
	affinity_merge(&cpus->affinity, &own);
	return true;
}

static void read_cpus(const struct env *env, const struct guest_snapshot *guest,
		      struct guest_cpus *cpus)
{
	struct vcpu_threads threads;
	size_t i;

	find_threads(env, guest, &threads);
	cpus->is_known = threads.num && threads.num >= guest->guest.vcpus;
	for (i = 0; cpus->is_known && i < threads.num; i++) {
		char *task = thread_name(guest, threads.tids[i]);

		cpus->is_known = read_thread(env, task, cpus);
		free(task);
	}
	vcpu_threads_free(&threads);
}

static const struct guest_cpus *cpus_of(const struct facts *f, size_t i)
{
	struct cpus_of_guests *cpus = f->cpus;
	size_t j;

	if (!cpus->v) {
		cpus->v = xcalloc(cpus->snapshot->num_guests, sizeof(*cpus->v));
		for (j = 0; j < cpus->snapshot->num_guests; j++)
			read_cpus(f->env, &cpus->snapshot->guests[j], &cpus->v[j]);
	}
	return &cpus->v[i];
}

void cpus_of_guests_free(struct cpus_of_guests *cpus)
{
	free(cpus->v);
	cpus->v = NULL;
	cgroup_mounts_free(&cpus->mounts);
}

/* CPUs that its vCPUs' threads used or waited for. */
static double wanted_by(const struct guest_snapshot *guest)
{
	uint64_t ns = add_saturated(guest->guest.guest_time_ns,
				    exits_busy_ns(&guest->stats));

	ns = add_saturated(ns, exits_part_ns(&guest->stats, PART_RUNQ));
	return guest->interval_ns ? (double)ns / guest->interval_ns : 0;
}

bool cpus_are_known(const struct facts *f, struct guest_cpus *cpus)
{
	*cpus = *cpus_of(f, f->guest - f->cpus->snapshot->guests);
	return cpus->is_known;
}

double cpus_wanted(const struct facts *f)
{
	const struct snapshot *snapshot = f->cpus->snapshot;
	double wanted = 0;
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++)
		wanted += wanted_by(&snapshot->guests[i]);
	return wanted;
}

bool shared_cpus_of(const struct facts *f, struct shared_cpus *shared)
{
	const struct snapshot *snapshot = f->cpus->snapshot;
	const struct guest_cpus *own = cpus_of(f, f->guest - snapshot->guests);
	uint64_t num_known = 0;
	size_t i;

	*shared = (struct shared_cpus){ };
	if (!own->is_known || !f->machine.num_cpus)
		return false;
	/* A set may have CPUs that are offline, or could be plugged in. */
	shared->num = affinity_count(&own->affinity);
	if (shared->num > f->machine.num_cpus)
		shared->num = f->machine.num_cpus;
	for (i = 0; i < snapshot->num_guests; i++) {
		const struct guest_snapshot *guest = &snapshot->guests[i];
		const struct guest_cpus *cpus = cpus_of(f, i);

		if (!cpus->is_known)
			continue;
		num_known += guest->guest.vcpus;
		if (!affinity_overlaps(&cpus->affinity, &own->affinity))
			continue;
		shared->num_vcpus += guest->guest.vcpus;
		if (!affinity_contains(&own->affinity, &cpus->affinity))
			continue;
		shared->num_confined += guest->guest.vcpus;
		shared->wanted += wanted_by(guest);
	}
	shared->num_unknown = host_has_count(&f->host->usage, "vcpus") ?
			      sub_clamped(f->num_vcpus, num_known) : UINT64_MAX;
	return true;
}

/*
 * /proc/PID/cgroup of a vCPU's thread, which some VMMs keep in a cgroup of its
 * own, or of the process. A copy, or NULL.
 */
static char *read_cgroup_file(const struct facts *f)
{
	struct vcpu_threads threads;
	char *task, *name, *text;
	size_t len;

	find_threads(f->env, f->guest, &threads);
	task = threads.num ? thread_name(f->guest, threads.tids[0]) :
			     xasprintf("%llu", (unsigned long long)f->guest->guest.pid);
	name = xasprintf("%s/cgroup", task);
	text = file_read(f->env->proc_fd, name, MAX_CGROUP, &len);
	free(name);
	free(task);
	vcpu_threads_free(&threads);
	return text;
}

char *quota_of(const struct facts *f, double *longest_us, bool *is_known)
{
	struct cgroup_mounts *mounts = &f->cpus->mounts;
	char *text = read_cgroup_file(f), *directory, *quota = NULL;
	const char *mount = NULL;

	*longest_us = 0;
	cgroup_mounts_update(f->env, mounts);
	directory = text ? cgroup_cpu_directory(mounts, text, &mount) : NULL;
	*is_known = directory || (text && cgroup_is_cpu_root(f->env, text));
	if (directory)
		quota = cgroup_tightest_quota(directory, mount, longest_us);
	free(directory);
	free(text);
	return quota;
}

static char *low_weight_of_threads(const struct facts *f)
{
	struct guest_cpus cpus;

	if (!cpus_are_known(f, &cpus))
		return NULL;
	if (cpus.is_idle)
		return xstrdup("a thread of its vCPUs is SCHED_IDLE, by default it is SCHED_OTHER (chrt -o -p 0 TID)");
	return cpus.nice > 0 ?
	       xasprintf("a thread of its vCPUs has nice %d, by default it is 0 (renice -n 0 -p TID)",
			 cpus.nice) : NULL;
}

static char *low_weight_of_cgroups(const struct facts *f)
{
	struct cgroup_mounts *mounts = &f->cpus->mounts;
	char *text = read_cgroup_file(f), *directory, *weight;
	const char *mount = NULL;

	cgroup_mounts_update(f->env, mounts);
	directory = text ? cgroup_cpu_directory(mounts, text, &mount) : NULL;
	weight = directory ? cgroup_least_weight(directory, mount) : NULL;
	free(directory);
	free(text);
	return weight;
}

char *low_weight_of(const struct facts *f)
{
	char *text = low_weight_of_threads(f), *weight = low_weight_of_cgroups(f);

	if (!text)
		return weight;
	append(&text, "%s%s", weight ? "; " : "", weight ? weight : "");
	free(weight);
	return text;
}

char *isolated_partition_of(const struct facts *f)
{
	struct cgroup_mounts *mounts = &f->cpus->mounts;
	char *text = read_cgroup_file(f), *directory, *name;

	cgroup_mounts_update(f->env, mounts);
	directory = text ? cgroup_v2_directory(mounts, text) : NULL;
	name = directory ? cgroup_isolated_partition(directory, mounts->v2) : NULL;
	free(directory);
	free(text);
	return name;
}

/* Others could take what a quota leaves, and a vCPU that polls or spins uses it up. */
static enum answer has_no_quota(const struct facts *f, char **seen)
{
	double longest_us;
	bool is_known;
	char *quota = quota_of(f, &longest_us, &is_known);

	if (quota)
		append(seen, "; %s", quota);
	else if (!is_known)
		append(seen, "; whether its cgroup has a CPU quota cannot be read");
	else
		append(seen, "; no CPU quota");
	free(quota);
	return quota ? ANSWER_NO : is_known ? ANSWER_YES : ANSWER_UNKNOWN;
}

static enum answer are_cpus_enough(const struct facts *f, char **seen)
{
	struct shared_cpus shared;

	if (!shared_cpus_of(f, &shared)) {
		*seen = xstrdup("which CPUs its vCPUs' threads may use cannot be read");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("its vCPUs may use %llu CPU%s, and so may %llu vCPU%s of all guests",
			  (unsigned long long)shared.num, plural(shared.num),
			  (unsigned long long)shared.num_vcpus, plural(shared.num_vcpus));
	if (shared.num_vcpus > shared.num)
		return ANSWER_NO;
	if (shared.num_unknown <= shared.num - shared.num_vcpus)
		return ANSWER_YES;
	append(seen, "; which CPUs other guests may use cannot be read");
	return ANSWER_UNKNOWN;
}

/* As a quota: what spins or stays on its CPU uses up what L0 gives, and is then held to it. */
static bool is_held_to_baseline(const struct facts *f, char **seen)
{
	char *type = NULL;
	bool is_held = has_cpu_baseline(f, &type) == ANSWER_YES;

	if (is_held)
		append(seen, "; %s", type);
	free(type);
	return is_held;
}

double waited_for_others(const struct facts *f)
{
	struct load wake_ups = load_of(f, &halts, 2);
	double waited = load_of_both(f, &all_reasons).parts[PART_RUNQ];

	return wake_ups.parts[PART_RUNQ] <= wake_ups.rate * WAKE_UP_S ?
	       waited - wake_ups.parts[PART_RUNQ] : waited;
}

enum answer has_own_cpus(const struct facts *f, char **seen)
{
	double waited = waited_for_others(f);
	enum answer are_enough = are_cpus_enough(f, seen);
	enum answer is_free = has_no_quota(f, seen);
	bool is_held = is_held_to_baseline(f, seen);

	append(seen, "; beside wake-ups they waited for a CPU for %.2f s of each second", waited);
	if (waited >= 0.01 || are_enough == ANSWER_NO || is_free == ANSWER_NO || is_held)
		return ANSWER_NO;
	return are_enough == ANSWER_YES ? is_free : ANSWER_UNKNOWN;
}

bool owns_cpus(const struct facts *f)
{
	char *seen = NULL;
	bool is_owner = has_own_cpus(f, &seen) == ANSWER_YES;

	free(seen);
	return is_owner;
}

const char *only_on_own_cpus(const struct facts *f)
{
	return owns_cpus(f) ? "" : "only if each of its vCPUs has a CPU of its own: ";
}
