// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "bench/trace.h"
#include "model/machine.h"

#define PREFIX	"l1tune-bench-"

static int write_file(const char *dir, const char *name, const char *value)
{
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	free(path);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void remove_instance(const char *dir)
{
	write_file(dir, "events/enable", "0");
	rmdir(dir);
}

static char *instances_of(const struct env *env)
{
	return xasprintf("%s/%s/instances", env->sysfs,
			 machine_has(env->sysfs, "kernel/tracing/instances") ?
			 "kernel/tracing" : "kernel/debug/tracing");
}

void bench_trace_clean(const struct env *env)
{
	char *instances = instances_of(env);
	DIR *dir = opendir(instances);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char *path;
		pid_t pid;

		if (!begins_with(entry->d_name, PREFIX))
			continue;
		pid = atoi(entry->d_name + strlen(PREFIX));
		if (pid <= 0 || !kill(pid, 0) || errno != ESRCH)
			continue;
		path = xasprintf("%s/%s", instances, entry->d_name);
		remove_instance(path);
		free(path);
	}
	if (dir)
		closedir(dir);
	free(instances);
}

int bench_trace_open(struct bench_trace *trace, const struct env *env)
{
	char *instances = instances_of(env);
	int err = 0;

	trace->dir = xasprintf("%s/" PREFIX "%d", instances, (int)getpid());
	free(instances);
	if (mkdir(trace->dir, 0700)) {
		err = -errno;
		free(trace->dir);
		trace->dir = NULL;
		return err;
	}
	/* Nobody reads it: old events make room for new ones. */
	write_file(trace->dir, "buffer_size_kb", "64");
	return 0;
}

int bench_trace_set(const struct bench_trace *trace, const char *event, bool on)
{
	char *name = xasprintf("events/kvm/%s/enable", event);
	int err = write_file(trace->dir, name, on ? "1" : "0");

	free(name);
	return err;
}

void bench_trace_close(struct bench_trace *trace)
{
	if (!trace->dir)
		return;
	remove_instance(trace->dir);
	free(trace->dir);
	trace->dir = NULL;
}
