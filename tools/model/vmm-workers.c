// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "model/task.h"
#include "model/vmm-workers.h"

/* A VMM may have any number. */
#define MAX_THREADS	4096

/* The kernel cuts names after 15 characters. */
static const struct {
	const char *prefix;
	enum kvm_thread_kind kind;
} names[] = {
	{ "vhost-", KVM_THREAD_VHOST },
	{ "kvm-nx-lpage-re", KVM_THREAD_NX_RECOVERY },
};

static void look_at(int dirfd, uint64_t tid, struct vmm_workers *workers)
{
	char path[40], comm[64];
	size_t i;

	snprintf(path, sizeof(path), "task/%llu/comm", (unsigned long long)tid);
	if (sysfs_read(dirfd, path, comm, sizeof(comm)) <= 0)
		return;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (begins_with(comm, names[i].prefix))
			*GROW(workers->v, workers->num) = (struct vmm_worker){
				.tid = tid, .kind = names[i].kind,
			};
}

void vmm_workers_find(int dirfd, struct vmm_workers *workers)
{
	DIR *dir = sysfs_list_dir(dirfd, "task");
	unsigned int num_seen = 0;
	struct dirent *entry;
	uint64_t tid;

	*workers = (struct vmm_workers){ };
	while (dir && num_seen < MAX_THREADS && (entry = readdir(dir))) {
		if (parse_u64(entry->d_name, &tid))
			continue;
		look_at(dirfd, tid, workers);
		num_seen++;
	}
	if (dir)
		closedir(dir);
}

int vmm_worker_read(struct vmm_worker *worker, int dirfd, uint64_t *cpu_ns)
{
	char dir[32];

	snprintf(dir, sizeof(dir), "task/%llu", (unsigned long long)worker->tid);
	return task_read_kept_cpu_ns(&worker->schedstat, dirfd, dir, cpu_ns);
}

void vmm_workers_free(struct vmm_workers *workers)
{
	while (workers->num)
		kept_file_close(&workers->v[--workers->num].schedstat);
	free(workers->v);
	*workers = (struct vmm_workers){ };
}
