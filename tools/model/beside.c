// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/beside.h"

/* Some 20 hierarchies at most, and paths. */
#define MAX_CGROUP	(64 << 10)

/* FNV-1a, to tell whether two readings are of the same threads or cgroups. */
#define HASH_START	0xcbf29ce484222325ULL

static uint64_t hash(uint64_t sum, const void *data, size_t size)
{
	const unsigned char *bytes = data;
	size_t i;

	for (i = 0; i < size; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3ULL;
	return sum;
}

void beside_begin(struct beside_reader *reader, const struct env *env)
{
	reader->env = env;
	kvm_threads_update(env, &reader->kernel_threads);
	cgroup_mounts_update(env, &reader->mounts);
}

/* Closes what nobody asked for since the beginning. */
void beside_end(struct beside_reader *reader)
{
	size_t kept = 0, i;

	for (i = 0; i < reader->num_processes; i++) {
		struct vmm_process *process = &reader->processes[i];

		if (!process->is_used) {
			vmm_process_close(process);
			continue;
		}
		process->is_used = false;
		reader->processes[kept++] = *process;
	}
	reader->num_processes = kept;
	cgroup_times_end_round(&reader->times);
}

void beside_free(struct beside_reader *reader)
{
	while (reader->num_processes)
		vmm_process_close(&reader->processes[--reader->num_processes]);
	free(reader->processes);
	kvm_threads_free(&reader->kernel_threads);
	cgroup_mounts_free(&reader->mounts);
	cgroup_times_free(&reader->times);
	*reader = (struct beside_reader){ };
}

/* The index of a process, or where it would be inserted. */
static size_t find_process(const struct beside_reader *reader, uint64_t pid)
{
	size_t low = 0, high = reader->num_processes;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (reader->processes[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void drop_process(struct beside_reader *reader, size_t i)
{
	vmm_process_close(&reader->processes[i]);
	reader->num_processes--;
	memmove(&reader->processes[i], &reader->processes[i + 1],
		(reader->num_processes - i) * sizeof(*reader->processes));
}

static struct vmm_process *insert_process(struct beside_reader *reader, size_t i,
					  const struct vmm *vmm)
{
	struct vmm_process process;

	if (vmm_process_open(&process, reader->env, vmm))
		return NULL;
	(void)GROW(reader->processes, reader->num_processes);
	memmove(&reader->processes[i + 1], &reader->processes[i],
		(reader->num_processes - 1 - i) * sizeof(*reader->processes));
	reader->processes[i] = process;
	return &reader->processes[i];
}

/* As it is now, until the next call; NULL if that is not known. */
static struct vmm_process *read_process(struct beside_reader *reader, const struct vmm *vmm)
{
	size_t i = find_process(reader, vmm->pid);
	struct vmm_process *process = NULL;

	if (i < reader->num_processes && reader->processes[i].pid == vmm->pid) {
		process = &reader->processes[i];
		/* The first VM of a process may end before the others. */
		if (process->created_ns > vmm->created_ns || vmm_process_update(process, vmm)) {
			drop_process(reader, i);
			process = NULL;
		}
	}
	if (!process) {
		process = insert_process(reader, i, vmm);
		if (process && vmm_process_update(process, vmm)) {
			drop_process(reader, i);
			process = NULL;
		}
	}
	if (process)
		process->is_used = true;
	return process;
}

/*
 * Processes in different namespaces can have the same PID: a thread of one of
 * them counts for all, which is at most.
 */
static void read_kernel_threads(const struct beside_reader *reader,
				struct vmm_process *process, struct tally *kernel)
{
	const struct kvm_threads *threads = &reader->kernel_threads;
	uint64_t own = threads->num ? vmm_process_own_pid(process) : process->pid;
	size_t i;

	for (i = 0; i < NUM_KVM_THREAD_KINDS; i++)
		kernel[i] = (struct tally){ .of = HASH_START };
	for (i = 0; i < threads->num; i++) {
		const struct kvm_thread *thread = &threads->v[i];
		struct tally *tally = &kernel[thread->kind];

		if (thread->pid != (thread->is_own_number ? own : process->pid))
			continue;
		tally->ns = add_saturated(tally->ns, thread->cpu_ns);
		tally->of = hash(tally->of, &thread->tid, sizeof(thread->tid));
	}
}

/* These are in the process's time already. One that has ended has taken its time with it. */
static void add_workers(struct vmm_process *process, struct tally *kernel)
{
	uint64_t cpu_ns;
	size_t i;

	for (i = 0; i < process->workers.num; i++) {
		struct vmm_worker *worker = &process->workers.v[i];
		struct tally *tally = &kernel[worker->kind];

		if (vmm_worker_read(worker, process->dir_fd, &cpu_ns)) {
			tally->is_known = false;
			continue;
		}
		tally->ns = add_saturated(tally->ns, cpu_ns);
		tally->of = hash(tally->of, &worker->tid, sizeof(worker->tid));
	}
}

/* Of several VMs in one process nobody can tell whose the other threads are. */
static void read_helpers(const struct beside_reader *reader, const struct vmm *vmm,
			 struct vmm_process *process, struct beside *beside)
{
	struct tally *helpers = &beside->helpers;
	size_t i;

	read_kernel_threads(reader, process, beside->kernel);
	helpers->of = HASH_START;
	for (i = 0; i < process->num_threads; i++)
		helpers->of = hash(helpers->of, &process->threads[i].tid,
				   sizeof(process->threads[i].tid));

	helpers->is_read = reader->kernel_threads.are_known &&
			   vmm->num_vms == 1 && process->num_threads;
	helpers->is_known = helpers->is_read;
	helpers->ns = sub_clamped(process->cpu_ns, process->vcpus_cpu_ns);
	for (i = 0; i < NUM_KVM_THREAD_KINDS; i++) {
		struct tally *kernel = &beside->kernel[i];

		kernel->is_read = kernel->is_known = helpers->is_read;
		helpers->ns = add_saturated(helpers->ns, kernel->ns);
		helpers->of = hash(helpers->of, &kernel->of, sizeof(kernel->of));
	}
	add_workers(process, beside->kernel);
}

/* The quotas of the cgroups that a file of a process's directory names. */
static bool add_quota(struct beside_reader *reader, int dirfd, struct kept_file *file,
		      const char *name, uint64_t weight, struct beside *beside)
{
	struct tally *quota = &beside->quota;
	char text[MAX_CGROUP], *directory = NULL;
	const char *mount;
	uint64_t ns;
	bool is_known;

	if (kept_file_read(file, dirfd, name, text, sizeof(text)) >= 0)
		directory = cgroup_cpu_directory(&reader->mounts, text, &mount);
	is_known = directory &&
		   !cgroup_times_throttled_ns(&reader->times, directory, mount, &ns,
					      &beside->throttled.ns);
	if (is_known) {
		if (__builtin_mul_overflow(ns, weight, &ns))
			ns = UINT64_MAX;
		quota->ns = add_saturated(quota->ns, ns);
		quota->of = hash(quota->of, directory, strlen(directory));
		quota->of = hash(quota->of, &weight, sizeof(weight));
	}
	free(directory);
	return is_known;
}

/*
 * A cgroup's CPUs are held back one by one, and each vCPU on a CPU waits: each
 * vCPU counts for all of the time of its cgroups. VMMs put vCPUs in cgroups of
 * their own; those that were not found are taken to be in the process's.
 */
static void read_quota(struct beside_reader *reader, const struct vmm *vmm,
		       struct vmm_process *process, struct beside *beside)
{
	struct tally *quota = &beside->quota;
	uint64_t rest = sub_clamped(vmm->num_vcpus, process->num_threads);
	char name[48];
	size_t i;

	*quota = (struct tally){ .is_known = true, .of = HASH_START };
	cgroup_times_begin_sum(&reader->times);
	for (i = 0; i < process->num_threads && quota->is_known; i++) {
		struct vmm_thread *thread = &process->threads[i];

		snprintf(name, sizeof(name), "task/%llu/cgroup",
			 (unsigned long long)thread->tid);
		quota->is_known = add_quota(reader, process->dir_fd, &thread->cgroup,
					    name, 1, beside);
	}
	if (rest && quota->is_known)
		quota->is_known = add_quota(reader, process->dir_fd, &process->cgroup,
					    "cgroup", rest, beside);
	quota->is_read = quota->is_known;
	beside->throttled = (struct tally){
		.is_read = quota->is_known, .is_known = quota->is_known,
		.ns = beside->throttled.ns, .of = quota->of,
	};
}

void beside_read(struct beside_reader *reader, const struct vmm *vmm,
		 struct beside *beside)
{
	struct vmm_process *process = read_process(reader, vmm);

	*beside = (struct beside){ };
	if (!process)
		return;
	beside->started_ns = process->started_ns;
	read_helpers(reader, vmm, process, beside);
	read_quota(reader, vmm, process, beside);
}

static struct tally subtract(const struct tally *before, const struct tally *after)
{
	bool is_known = before->is_read && after->is_read && before->of == after->of;

	return (struct tally) {
		.is_read = is_known, .is_known = is_known,
		.ns = sub_clamped(after->ns, before->ns),
		.of = after->of,
	};
}

void beside_subtract(const struct beside *before, const struct beside *after,
		     struct beside *diff)
{
	size_t i;

	diff->helpers = subtract(&before->helpers, &after->helpers);
	for (i = 0; i < NUM_KVM_THREAD_KINDS; i++)
		diff->kernel[i] = subtract(&before->kernel[i], &after->kernel[i]);
	diff->quota = subtract(&before->quota, &after->quota);
	diff->throttled = subtract(&before->throttled, &after->throttled);
}

/* A process may be older than its VM, and a cgroup older than both. */
void beside_begin_at(uint64_t begin_ns, struct beside *beside)
{
	bool is_new = beside->started_ns && beside->started_ns >= begin_ns;
	size_t i;

	beside->helpers.is_known &= is_new;
	for (i = 0; i < NUM_KVM_THREAD_KINDS; i++)
		beside->kernel[i].is_known &= is_new;
	/* What never was held back was not since then. */
	beside->quota.is_known &= !beside->quota.ns;
	beside->throttled.is_known &= !beside->throttled.ns;
}
