// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/beside.h"
#include "model/proc.h"
#include "model/task.h"

#define MAX_SIZE	(64 << 10)

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

void beside_open(struct beside_reader *reader, const struct env *env)
{
	*reader = (struct beside_reader){ .env = env };
	kvm_threads_read(env, &reader->kernel_threads);
	cgroup_mounts_read(env, &reader->mounts);
}

void beside_close(struct beside_reader *reader)
{
	kvm_threads_free(&reader->kernel_threads);
	cgroup_mounts_free(&reader->mounts);
}

/* Its PID as the process sees it: the last one, of the innermost namespace. */
static uint64_t own_pid(int dirfd, uint64_t pid)
{
	size_t len;
	char *text = file_read(dirfd, "status", MAX_SIZE, &len);
	char *line = text ? strstr(text, "\nNSpid:") : NULL;

	if (line) {
		line[1 + strcspn(line + 1, "\n")] = '\0';
		pid = strtoull(strrchr(line, '\t') ? strrchr(line, '\t') : "", NULL, 10);
	}
	free(text);
	return pid;
}

/*
 * Processes in different namespaces can have the same PID: a thread of one of
 * them counts for all, which is at most.
 */
static void read_kernel_threads(const struct beside_reader *reader, int dirfd,
				uint64_t pid, struct tally *kernel)
{
	const struct kvm_threads *threads = &reader->kernel_threads;
	uint64_t own = threads->num ? own_pid(dirfd, pid) : pid;
	size_t i;

	for (i = 0; i < NUM_KVM_THREAD_KINDS; i++)
		kernel[i] = (struct tally){ threads->are_known, 0, HASH_START };
	for (i = 0; i < threads->num; i++) {
		const struct kvm_thread *thread = &threads->v[i];
		struct tally *tally = &kernel[thread->kind];

		if (thread->pid != (thread->is_own_number ? own : pid))
			continue;
		tally->ns = add_saturated(tally->ns, thread->cpu_ns);
		tally->of = hash(tally->of, &thread->tid, sizeof(thread->tid));
	}
}

/* Of several VMs in one process nobody can tell whose the other threads are. */
static void read_helpers(const struct beside_reader *reader, int dirfd,
			 const struct vmm *vmm, const struct task *process,
			 const struct vcpu_threads *threads, struct beside *beside)
{
	struct tally *helpers = &beside->helpers;
	size_t i;

	read_kernel_threads(reader, dirfd, vmm->pid, beside->kernel);
	helpers->of = hash(HASH_START, threads->tids,
			   threads->num * sizeof(*threads->tids));

	helpers->is_known = reader->kernel_threads.are_known &&
			    vmm->num_vms == 1 && threads->num;
	helpers->ns = sub_clamped(process->cpu_ns, threads->cpu_ns);
	for (i = 0; i < NUM_KVM_THREAD_KINDS; i++) {
		struct tally *kernel = &beside->kernel[i];

		kernel->is_known &= helpers->is_known;
		helpers->ns = add_saturated(helpers->ns, kernel->ns);
		helpers->of = hash(helpers->of, &kernel->of, sizeof(kernel->of));
	}
}

/* The quotas of a thread's cgroups, or of the process's without a thread. */
static bool add_quota(const struct beside_reader *reader, int dirfd,
		      const char *thread, uint64_t weight, struct tally *quota)
{
	char *file = xasprintf("%scgroup", thread), *text, *directory = NULL;
	const char *mount;
	uint64_t ns;
	size_t len;
	bool is_known;

	text = file_read(dirfd, file, MAX_SIZE, &len);
	if (text)
		directory = cgroup_cpu_directory(&reader->mounts, text, &mount);
	is_known = directory && !cgroup_throttled_ns(directory, mount, &ns);
	if (is_known) {
		if (__builtin_mul_overflow(ns, weight, &ns))
			ns = UINT64_MAX;
		quota->ns = add_saturated(quota->ns, ns);
		quota->of = hash(quota->of, directory, strlen(directory));
		quota->of = hash(quota->of, &weight, sizeof(weight));
	}
	free(directory);
	free(text);
	free(file);
	return is_known;
}

/*
 * A cgroup's CPUs are held back one by one, and each vCPU on a CPU waits: each
 * vCPU counts for all of the time of its cgroups. VMMs put vCPUs in cgroups of
 * their own; those that were not found are taken to be in the process's.
 */
static void read_quota(const struct beside_reader *reader, int dirfd,
		       const struct vmm *vmm, const struct vcpu_threads *threads,
		       struct tally *quota)
{
	uint64_t rest = sub_clamped(vmm->num_vcpus, threads->num);
	char dir[32];
	size_t i;

	*quota = (struct tally){ .is_known = true, .of = HASH_START };
	for (i = 0; i < threads->num && quota->is_known; i++) {
		snprintf(dir, sizeof(dir), "task/%llu/",
			 (unsigned long long)threads->tids[i]);
		quota->is_known = add_quota(reader, dirfd, dir, 1, quota);
	}
	if (rest && quota->is_known)
		quota->is_known = add_quota(reader, dirfd, "", rest, quota);
}

void beside_read(const struct beside_reader *reader, const struct vmm *vmm,
		 struct beside *beside)
{
	struct vcpu_threads threads = { };
	struct task process;
	char dir[24];
	int fd;

	*beside = (struct beside){ };
	snprintf(dir, sizeof(dir), "%llu", (unsigned long long)vmm->pid);
	fd = sysfs_open_dir(reader->env->proc_fd, dir);
	if (fd < 0)
		return;
	/* First the whole, so that it is not more than its part later. */
	if (!proc_check_start(fd, vmm->created_ns) &&
	    !task_read(fd, ".", &process) &&
	    !vcpu_threads_find(fd, vmm->num_vcpus, &threads)) {
		read_helpers(reader, fd, vmm, &process, &threads,
			     beside);
		read_quota(reader, fd, vmm, &threads, &beside->quota);
	}
	vcpu_threads_free(&threads);
	close(fd);
}

static struct tally subtract(const struct tally *before, const struct tally *after)
{
	return (struct tally) {
		.is_known = before->is_known && after->is_known &&
			    before->of == after->of,
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
}
