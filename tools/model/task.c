// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/util.h"
#include "model/task.h"

/* The longest name, and some fifty numbers. */
#define MAX_SIZE	4096

/* Fields of the file, counted from 1, as proc(5) does. */
enum {
	FIELD_FLAGS = 9, FIELD_UTIME = 14, FIELD_STIME = 15,
	FIELD_NICE = 19, FIELD_POLICY = 41, FIELD_GUEST_TIME = 43,
};

/* The kernel's PF_KTHREAD. */
#define FLAG_KTHREAD	0x00200000

static uint64_t ticks_to_ns(uint64_t ticks)
{
	return ticks * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
}

/* The name stands in parentheses and may hold some itself. */
static const char *parse_comm(const char *stat, char *comm, size_t size)
{
	const char *start = strchr(stat, '('), *end = strrchr(stat, ')');
	size_t len;

	if (!start || !end || end < start || end[1] != ' ')
		return NULL;
	len = end - start - 1;
	if (len >= size)
		len = size - 1;
	memcpy(comm, start + 1, len);
	comm[len] = '\0';
	return end + 2;
}

int task_parse(const char *stat, struct task *task)
{
	const char *s = parse_comm(stat, task->comm, sizeof(task->comm));
	uint64_t flags = 0, utime = 0, stime = 0, nice = 0, guest = 0, policy = 0;
	int field;

	for (field = 3; s && field <= FIELD_GUEST_TIME; field++) {
		uint64_t value = strtoull(s, NULL, 10);

		if (field == FIELD_FLAGS)
			flags = value;
		else if (field == FIELD_UTIME)
			utime = value;
		else if (field == FIELD_STIME)
			stime = value;
		else if (field == FIELD_NICE)
			nice = value;
		else if (field == FIELD_POLICY)
			policy = value;
		else if (field == FIELD_GUEST_TIME)
			guest = value;
		s = strchr(s, ' ');
		s = s ? s + 1 : NULL;
	}
	if (field <= FIELD_GUEST_TIME)
		return -EINVAL;
	task->is_kernel_thread = flags & FLAG_KTHREAD;
	task->is_realtime = policy == SCHED_FIFO || policy == SCHED_RR;
	task->is_idle = policy == SCHED_IDLE;
	task->nice = (int)nice;
	task->cpu_ns = ticks_to_ns(utime + stime);
	task->guest_ns = ticks_to_ns(guest);
	return 0;
}

static char *read_file(int dirfd, const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	size_t len;
	char *text = file_read(dirfd, path, MAX_SIZE, &len);
	int err = errno;

	free(path);
	errno = err;
	return text;
}

int task_read(int dirfd, const char *dir, struct task *task)
{
	char *stat = read_file(dirfd, dir, "stat");
	int err = stat ? task_parse(stat, task) : -errno;

	free(stat);
	return err;
}

/* "CPU_NS RUN_DELAY_NS SLICES" */
static int parse_schedstat(const char *text, uint64_t *cpu_ns)
{
	char *end;

	*cpu_ns = strtoull(text, &end, 10);
	return end == text || *end != ' ' ? -EINVAL : 0;
}

int task_read_cpu_ns(int dirfd, const char *dir, uint64_t *cpu_ns)
{
	char *text = read_file(dirfd, dir, "schedstat");
	int err = text ? parse_schedstat(text, cpu_ns) : -errno;

	free(text);
	return err;
}

int task_read_run_delay_ns(int dirfd, const char *dir, uint64_t *delay_ns)
{
	char *text = read_file(dirfd, dir, "schedstat"), *delay;
	int err = text ? 0 : -errno;

	delay = text ? strchr(text, ' ') : NULL;
	if (!err)
		err = delay ? parse_schedstat(delay + 1, delay_ns) : -EINVAL;
	free(text);
	return err;
}

int task_read_kept_cpu_ns(struct kept_file *schedstat, int dirfd, const char *dir,
			  uint64_t *cpu_ns)
{
	char name[64], text[128];
	struct task task;
	int err;

	snprintf(name, sizeof(name), "%s/schedstat", dir);
	if (kept_file_read(schedstat, dirfd, name, text, sizeof(text)) > 0 &&
	    !parse_schedstat(text, cpu_ns))
		return 0;
	err = task_read(dirfd, dir, &task);
	*cpu_ns = task.cpu_ns;
	return err;
}
