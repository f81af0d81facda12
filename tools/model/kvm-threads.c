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
/* What /proc lists for a process that it cannot look up. */
#define NO_INODE	1

struct seen_list {
	struct seen_process *v;
	size_t num;
};

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

static void add(const struct env *env, uint64_t tid, const char *dir, const char *comm,
		struct kvm_threads *threads)
{
	struct kvm_thread thread = { .tid = tid };
	struct task task;
	uint64_t number;
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		len = strlen(kinds[i].prefix);
		if (begins_with(comm, kinds[i].prefix) &&
		    !parse_u64(comm + len, &number))
			break;
	}
	/* Any process can have such a name. */
	if (i == ARRAY_SIZE(kinds) || task_read(env->proc_fd, dir, &task) ||
	    !task.is_kernel_thread)
		return;
	thread.kind = i;
	thread.is_own_number = !kinds[i].is_thread;
	thread.pid = kinds[i].is_thread ? process_of(env, number) : number;
	if (task_read_cpu_ns(env->proc_fd, dir, &thread.cpu_ns))
		thread.cpu_ns = task.cpu_ns;
	if (thread.pid)
		*GROW(threads->v, threads->num) = thread;
}

static int read_cpu_ns(const struct env *env, struct kvm_thread *thread)
{
	char dir[24];

	snprintf(dir, sizeof(dir), "%llu", (unsigned long long)thread->tid);
	return task_read_kept_cpu_ns(&thread->schedstat, env->proc_fd, dir, &thread->cpu_ns);
}

/* Those that are known, without those that ended. */
static void update_known(const struct env *env, struct kvm_threads *threads)
{
	size_t kept = 0, i;

	for (i = 0; i < threads->num; i++) {
		struct kvm_thread thread = threads->v[i];

		if (read_cpu_ns(env, &thread))
			kept_file_close(&thread.schedstat);
		else
			threads->v[kept++] = thread;
	}
	threads->num = kept;
}

static int compare_pids(const void *a, const void *b)
{
	const struct seen_process *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* A process that has the PID of one that ended has another inode. */
static bool was_seen(const struct kvm_threads *threads, const struct seen_process *process)
{
	const struct seen_process *seen = !threads->num_seen ? NULL :
		bsearch(process, threads->seen, threads->num_seen, sizeof(*process), compare_pids);

	return seen && seen->inode == process->inode && seen->inode > NO_INODE;
}

static bool is_known(const struct kvm_threads *threads, uint64_t tid)
{
	size_t i;

	for (i = 0; i < threads->num; i++)
		if (threads->v[i].tid == tid)
			return true;
	return false;
}

/* A kernel thread has the name of the one that makes them until it gets its own. */
static bool is_named(const char *comm)
{
	return strcmp(comm, "kthreadd");
}

static void look_at(const struct env *env, const struct dirent *entry,
		    struct kvm_threads *threads, struct seen_list *seen)
{
	char path[sizeof(entry->d_name) + 8], comm[64];
	struct seen_process process = { .inode = entry->d_ino };

	if (parse_u64(entry->d_name, &process.pid))
		return;
	if (!was_seen(threads, &process)) {
		snprintf(path, sizeof(path), "%s/comm", entry->d_name);
		if (sysfs_read(env->proc_fd, path, comm, sizeof(comm)) <= 0 ||
		    !is_named(comm))
			return;
		if (!is_known(threads, process.pid))
			add(env, process.pid, entry->d_name, comm, threads);
	}
	*GROW(seen->v, seen->num) = process;
}

/* In a PID namespace of its own /proc has no kernel threads. */
static bool are_visible(const struct env *env)
{
	struct task task;

	return !task_read(env->proc_fd, KTHREADD_PID, &task) &&
	       task.is_kernel_thread;
}

void kvm_threads_update(const struct env *env, struct kvm_threads *threads)
{
	struct seen_list seen = { };
	struct dirent *entry;
	DIR *dir;

	dir = are_visible(env) ? sysfs_list_dir(env->proc_fd, ".") : NULL;
	threads->are_known = dir;
	if (!dir)
		return;
	update_known(env, threads);
	while ((entry = readdir(dir)))
		look_at(env, entry, threads, &seen);
	closedir(dir);
	if (seen.num)
		qsort(seen.v, seen.num, sizeof(*seen.v), compare_pids);
	free(threads->seen);
	threads->seen = seen.v;
	threads->num_seen = seen.num;
}

void kvm_threads_free(struct kvm_threads *threads)
{
	while (threads->num)
		kept_file_close(&threads->v[--threads->num].schedstat);
	free(threads->v);
	free(threads->seen);
	*threads = (struct kvm_threads){ };
}
