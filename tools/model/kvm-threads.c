// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/kvm-threads.h"
#include "model/task.h"

#define KTHREADD_PID	"2"
#define MAX_STATUS	(16 << 10)

/*
 * Names end with a number, but kernels to 5.16 cut them after 15 characters:
 * there kvm-nx-lpage-recovery does not say whose it is.
 */
static const struct {
	const char *prefix;
	/* A thread's number; otherwise a PID of the namespace of its process. */
	bool is_thread;
} kinds[NUM_KVM_THREAD_KINDS] = {
	[KVM_THREAD_PIT] = { "kvm-pit/", false },
	[KVM_THREAD_VHOST] = { "vhost-", true },
	[KVM_THREAD_NX_RECOVERY] = { "kvm-nx-lpage-recovery-", true },
};

/* The process of a thread, which may not be its first one; 0 if it has ended. */
static uint64_t process_of(const struct env *env, uint64_t tid)
{
	char path[40];
	size_t len;
	char *text, *line;
	uint64_t pid = 0;

	snprintf(path, sizeof(path), "%llu/status", (unsigned long long)tid);
	text = file_read(env->proc_fd, path, MAX_STATUS, &len);
	line = text ? strstr(text, "\nTgid:") : NULL;
	if (line)
		pid = strtoull(line + strlen("\nTgid:"), NULL, 10);
	free(text);
	return pid;
}

static void add(const struct env *env, const char *dir, const char *comm,
		struct kvm_threads *threads)
{
	struct kvm_thread thread = { };
	struct task task;
	uint64_t number;
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		len = strlen(kinds[i].prefix);
		if (!strncmp(comm, kinds[i].prefix, len) &&
		    !parse_u64(comm + len, &number))
			break;
	}
	/* Any process can have such a name. */
	if (i == ARRAY_SIZE(kinds) || task_read(env->proc_fd, dir, &task) ||
	    !task.is_kernel_thread || parse_u64(dir, &thread.tid))
		return;
	thread.kind = i;
	thread.is_own_number = !kinds[i].is_thread;
	thread.pid = kinds[i].is_thread ? process_of(env, number) : number;
	if (task_read_cpu_ns(env->proc_fd, dir, &thread.cpu_ns))
		thread.cpu_ns = task.cpu_ns;
	if (thread.pid)
		*GROW(threads->v, threads->num) = thread;
}

/* In a PID namespace of its own /proc has no kernel threads. */
static bool are_visible(const struct env *env)
{
	struct task task;

	return !task_read(env->proc_fd, KTHREADD_PID, &task) &&
	       task.is_kernel_thread;
}

void kvm_threads_read(const struct env *env, struct kvm_threads *threads)
{
	char path[sizeof(((struct dirent *)NULL)->d_name) + 8], comm[64];
	struct dirent *entry;
	uint64_t tid;
	DIR *dir;

	*threads = (struct kvm_threads){ };
	dir = are_visible(env) ? sysfs_list_dir(env->proc_fd, ".") : NULL;
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (parse_u64(entry->d_name, &tid))
			continue;
		snprintf(path, sizeof(path), "%s/comm", entry->d_name);
		if (sysfs_read(env->proc_fd, path, comm, sizeof(comm)) > 0)
			add(env, entry->d_name, comm, threads);
	}
	closedir(dir);
	threads->are_known = true;
}

void kvm_threads_free(struct kvm_threads *threads)
{
	free(threads->v);
	*threads = (struct kvm_threads){ };
}
