// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "model/task.h"
#include "model/vmm.h"

/* A VMM may have any number of threads. */
#define MAX_THREADS	4096

/*
 * How VMMs name the threads of their vCPUs: QEMU, Firecracker, Cloud Hypervisor,
 * crosvm, kvmtool. One that has not run for a clock tick is known by that only.
 */
static bool has_name_of_vcpu(const char *comm)
{
	static const char *const formats[] = {
		"CPU %u/KVM%n", "fc_vcpu %u%n", "vcpu%u%n", "crosvm_vcpu%u%n",
		"kvm-vcpu-%u%n",
	};
	unsigned int number;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(formats); i++) {
		int len = 0;

		if (sscanf(comm, formats[i], &number, &len) == 1 && len &&
		    !comm[len])
			return true;
	}
	return false;
}

/* A thread that ends meanwhile is left out. */
static void look_at(int dirfd, uint64_t tid, struct vcpu_threads *threads)
{
	char dir[32];
	struct task task;
	uint64_t cpu_ns;

	snprintf(dir, sizeof(dir), "task/%llu", (unsigned long long)tid);
	if (task_read(dirfd, dir, &task) ||
	    (!task.guest_ns && !has_name_of_vcpu(task.comm)))
		return;
	if (task_read_cpu_ns(dirfd, dir, &cpu_ns))
		cpu_ns = task.cpu_ns;
	threads->cpu_ns = add_saturated(threads->cpu_ns, cpu_ns);
	*GROW(threads->tids, threads->num) = tid;
}

/* vCPUs are created early, after some threads for disks and the like. */
static uint64_t num_looked_at(uint64_t num_vcpus)
{
	return num_vcpus < (MAX_THREADS - 128) / 4 ? 128 + 4 * num_vcpus : MAX_THREADS;
}

int vcpu_threads_find(int dirfd, uint64_t num_vcpus, struct vcpu_threads *threads)
{
	const uint64_t most = num_looked_at(num_vcpus);
	uint64_t num_seen = 0;
	struct dirent *entry;
	uint64_t tid;
	DIR *dir;

	*threads = (struct vcpu_threads){ };
	dir = sysfs_list_dir(dirfd, "task");
	if (!dir)
		return -errno;
	while (threads->num < num_vcpus && num_seen < most &&
	       (entry = readdir(dir))) {
		if (parse_u64(entry->d_name, &tid))
			continue;
		look_at(dirfd, tid, threads);
		num_seen++;
	}
	closedir(dir);
	return num_seen == most && threads->num < num_vcpus ? -E2BIG : 0;
}

void vcpu_threads_free(struct vcpu_threads *threads)
{
	free(threads->tids);
	*threads = (struct vcpu_threads){ };
}
