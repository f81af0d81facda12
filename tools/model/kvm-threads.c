// SPDX-License-Identifier: GPL-2.0
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
	struct proc_entry *v;
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

static void add(const struct env *env, uint64_t tid, const char *comm,
		struct kvm_threads *threads)
{
	struct kvm_thread thread = { .tid = tid };
	struct task task;
	uint64_t number;
	size_t i, len;
	char dir[24];

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		len = strlen(kinds[i].prefix);
		if (begins_with(comm, kinds[i].prefix) &&
		    !parse_u64(comm + len, &number))
			break;
	}
	snprintf(dir, sizeof(dir), "%llu", (unsigned long long)tid);
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
	const struct proc_entry *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static bool was_seen(const struct kvm_threads *threads, const struct proc_entry *process)
{
	const struct proc_entry *seen = !threads->num_seen ? NULL :
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

/* One walk through /proc. */
struct search {
	const struct env *env;
	struct kvm_threads *threads;
	struct seen_list seen;
};

static void look_at(int procfd, const struct proc_entry *process, void *arg)
{
	struct search *search = arg;
	char path[32], comm[64];

	if (!was_seen(search->threads, process)) {
		snprintf(path, sizeof(path), "%llu/comm", (unsigned long long)process->pid);
		if (sysfs_read(procfd, path, comm, sizeof(comm)) <= 0 || !is_named(comm))
			return;
		if (!is_known(search->threads, process->pid))
			add(search->env, process->pid, comm, search->threads);
	}
	*GROW(search->seen.v, search->seen.num) = *process;
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
	struct search search = { .env = env, .threads = threads };

	threads->are_known = are_visible(env);
	if (!threads->are_known)
		return;
	update_known(env, threads);
	threads->are_known = !proc_for_each(env->proc_fd, look_at, &search);
	if (search.seen.num)
		qsort(search.seen.v, search.seen.num, sizeof(*search.seen.v), compare_pids);
	free(threads->seen);
	threads->seen = search.seen.v;
	threads->num_seen = search.seen.num;
}

void kvm_threads_free(struct kvm_threads *threads)
{
	while (threads->num)
		kept_file_close(&threads->v[--threads->num].schedstat);
	free(threads->v);
	free(threads->seen);
	*threads = (struct kvm_threads){ };
}
