// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "base/wait.h"
#include "explain/busy-threads.h"
#include "model/task.h"

#define LOOK_NS		(NSEC_PER_SEC / 10)

/* A VMM may have any number. */
#define MAX_THREADS	1024

#define MAX_NAMED	3

/* In CPUs. */
#define LEAST_NAMED	0.05

struct thread {
	char dir[64];
	char comm[64];
	uint64_t cpu_ns;
	double cpus;
};

/* In ns, or in clock ticks where the kernel has none. */
static int read_thread(int procfd, const char *dir, struct task *task)
{
	uint64_t cpu_ns;
	int err = task_read(procfd, dir, task);

	if (!err && !task_read_cpu_ns(procfd, dir, &cpu_ns))
		task->cpu_ns = cpu_ns;
	return err;
}

static size_t find_threads(const struct facts *f, struct thread *threads)
{
	char *name = xasprintf("%llu/task", (unsigned long long)f->guest->guest.pid);
	DIR *dir = sysfs_list_dir(f->env->proc_fd, name);
	struct dirent *entry;
	struct task task;
	size_t num = 0;
	uint64_t tid;

	while (dir && num < MAX_THREADS && (entry = readdir(dir))) {
		struct thread *thread = &threads[num];

		if (parse_u64(entry->d_name, &tid) || snapshot_is_thread(f->guest, tid))
			continue;
		snprintf(thread->dir, sizeof(thread->dir), "%s/%llu", name, (unsigned long long)tid);
		if (read_thread(f->env->proc_fd, thread->dir, &task) || task.guest_ns)
			continue;
		strcpy(thread->comm, task.comm);
		thread->cpu_ns = task.cpu_ns;
		num++;
	}
	if (dir)
		closedir(dir);
	free(name);
	return num;
}

static int compare(const void *a, const void *b)
{
	const struct thread *x = a, *y = b;

	return (x->cpus < y->cpus) - (x->cpus > y->cpus);
}

static void measure(const struct facts *f, struct thread *threads, size_t num)
{
	uint64_t start_ns = monotonic_ns();
	struct task task;
	size_t i;

	wait_until(start_ns + LOOK_NS, -1);
	for (i = 0; i < num; i++)
		if (!read_thread(f->env->proc_fd, threads[i].dir, &task))
			threads[i].cpus = (double)sub_clamped(task.cpu_ns, threads[i].cpu_ns) /
					  (monotonic_ns() - start_ns + 1);
}

char *busiest_threads(const struct facts *f)
{
	struct thread *threads;
	char *text = NULL;
	size_t num, i;

	if (!take_look(f))
		return NULL;
	threads = xcalloc(MAX_THREADS, sizeof(*threads));
	num = find_threads(f, threads);
	measure(f, threads, num);
	qsort(threads, num, sizeof(*threads), compare);
	for (i = 0; i < num && i < MAX_NAMED && threads[i].cpus >= LEAST_NAMED; i++) {
		if (!text)
			text = xstrdup("");
		append(&text, "%s%s %.2f", i ? ", " : "", threads[i].comm, threads[i].cpus);
	}
	free(threads);
	return text;
}
