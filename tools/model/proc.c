// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file-within.h"
#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/proc.h"
#include "model/vmm.h"

/* A process writes its own cmdline: take no more than a sane VMM needs. */
#define MAX_SIZE	(256 << 10)
#define STARTTIME_FIELD	22

/* The first PID namespace; a constant of the kernel, PROC_PID_INIT_INO. */
#define INITIAL_PID_NS	0xeffffffcU

bool proc_is_in_first_namespace(void)
{
	struct stat stat_ns;

	return !stat("/proc/self/ns/pid", &stat_ns) && stat_ns.st_ino == INITIAL_PID_NS;
}

bool proc_has_own_pids(const char *proc)
{
	char name[32] = "", *path = xasprintf("%s/self", proc);
	ssize_t len = readlink(path, name, sizeof(name) - 1);

	free(path);
	return len > 0 && strtol(name, NULL, 10) == getpid();
}

int proc_for_each(int procfd, void (*look)(int procfd, const struct proc_entry *entry, void *arg),
		  void *arg)
{
	DIR *dir = sysfs_list_dir(procfd, ".");
	struct proc_entry process;
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		process.inode = entry->d_ino;
		if (!parse_u64(entry->d_name, &process.pid))
			look(procfd, &process, arg);
	}
	closedir(dir);
	return 0;
}

int proc_parse_start(const char *stat, uint64_t *ticks)
{
	/* The name stands in parentheses and may hold some itself. */
	const char *s = strrchr(stat, ')');
	char digits[32];
	size_t len;
	int field;

	for (field = 2; s && field < STARTTIME_FIELD; field++) {
		s = strchr(s, ' ');
		if (s)
			s++;
	}
	len = s ? strcspn(s, "\n ") : sizeof(digits);
	if (len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, len);
	digits[len] = '\0';
	return parse_u64(digits, ticks);
}

int proc_read_start(int dirfd, uint64_t *ns)
{
	uint64_t ticks = 0, hz = sysconf(_SC_CLK_TCK);
	size_t len;
	char *stat = file_read(dirfd, "stat", MAX_SIZE, &len);
	int err = stat ? proc_parse_start(stat, &ticks) : -ESRCH;

	free(stat);
	if (__builtin_mul_overflow(ticks, NSEC_PER_SEC / hz, ns))
		*ns = UINT64_MAX;
	return err;
}

int proc_check_start(int dirfd, uint64_t not_after_ns)
{
	uint64_t ns;
	int err = proc_read_start(dirfd, &ns);

	/* Rounded down by the kernel, so a real owner is never too late. */
	return !err && ns > not_after_ns ? -ESRCH : err;
}

/* The path of one "id:controllers:path", if the controllers are those. */
static char *cgroup_path(const char *line, size_t len, const char *controllers)
{
	const char *list = memchr(line, ':', len), *path;
	const char *end = line + len;

	path = list ? memchr(list + 1, ':', end - list - 1) : NULL;
	if (!path || end - path < 2 || path[1] != '/' ||
	    (size_t)(path - list - 1) != strlen(controllers) ||
	    strncmp(list + 1, controllers, strlen(controllers)))
		return NULL;
	return xmemdup0(path + 1, end - path - 1);
}

static char *find_cgroup(const char *text, const char *controllers)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *path = cgroup_path(text, len, controllers);

		if (path)
			return path;
		text += len + !!text[len];
	}
	return NULL;
}

/* Is a path another's, or a directory above it? */
static bool is_at_or_above(const char *path, const char *other)
{
	size_t len = strlen(path);

	return !strcmp(path, "/") ||
	       (!strncmp(path, other, len) && (!other[len] || other[len] == '/'));
}

/*
 * Version 2 has one path. Where both are mounted, it is that of systemd's unit,
 * and so may be systemd's own hierarchy of version 1. A container runtime or
 * jailer that uses version 1 puts the process elsewhere: then the first path
 * that is not the unit's, or a directory above it, is the VMM's own.
 */
char *proc_parse_cgroup(const char *text)
{
	static const char *const hierarchies[] = {
		"", "name=systemd", "cpu,cpuacct", "cpu", "cpuacct,cpu", "memory",
		"pids", "cpuset",
	};
	char *unit = NULL;
	bool has_v2 = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		char *path = find_cgroup(text, hierarchies[i]);

		if (!path || (unit && is_at_or_above(path, unit))) {
			free(path);
			continue;
		}
		free(unit);
		unit = path;
		has_v2 |= !i;
		/* The unit itself, until another path is found. */
		if (strcmp(path, "/") && (i > 1 || (i && has_v2)))
			break;
	}
	return unit;
}

/* Where the vCPUs run may be elsewhere: libvirt's, Kata's. */
static char *read_vcpu_cgroup(int dirfd)
{
	struct vcpu_threads threads;
	char *text = NULL, *file, *path;
	size_t len;

	vcpu_threads_find(dirfd, 1, &threads);
	if (threads.num) {
		file = xasprintf("task/%llu/cgroup", (unsigned long long)threads.tids[0]);
		text = file_read(dirfd, file, MAX_SIZE, &len);
		free(file);
	}
	path = text ? proc_parse_cgroup(text) : NULL;
	free(text);
	vcpu_threads_free(&threads);
	return path;
}

int proc_read(int procfd, uint64_t pid, uint64_t not_after_ns,
	      struct proc_info *info)
{
	char dir[24];
	size_t len;
	char *text;
	int fd, err;

	memset(info, 0, sizeof(*info));
	snprintf(dir, sizeof(dir), "%llu", (unsigned long long)pid);
	/* The open directory stays with its process, also when it is gone. */
	fd = sysfs_open_dir(procfd, dir);
	if (fd < 0)
		return fd;
	err = proc_check_start(fd, not_after_ns);
	if (!err) {
		info->cmdline = file_read_within(fd, "cmdline", MAX_SIZE, &info->cmdline_len,
						 pid, SHORT_FILE_NS);
		info->is_withheld = !info->cmdline && errno == ETIMEDOUT;
		text = file_read(fd, "cgroup", MAX_SIZE, &len);
		info->cgroup = text ? proc_parse_cgroup(text) : NULL;
		free(text);
		info->vcpu_cgroup = read_vcpu_cgroup(fd);
	}
	close(fd);
	return err;
}

bool proc_is_stopped(int procfd, uint64_t pid)
{
	char file[32];
	const char *s;
	char *stat;
	size_t len;
	bool stopped;

	snprintf(file, sizeof(file), "%llu/stat", (unsigned long long)pid);
	stat = file_read(procfd, file, MAX_SIZE, &len);
	s = stat ? strrchr(stat, ')') : NULL;
	stopped = s && (!strncmp(s, ") T", 3) || !strncmp(s, ") t", 3));
	free(stat);
	return stopped;
}

int proc_read_tracer(int procfd, uint64_t pid, uint64_t *tracer)
{
	static const char key[] = "\nTracerPid:";
	char file[32], *status, *line;
	size_t len;
	int err;

	snprintf(file, sizeof(file), "%llu/status", (unsigned long long)pid);
	status = file_read(procfd, file, MAX_SIZE, &len);
	err = status ? -ENODATA : -errno;
	line = status ? strstr(status, key) : NULL;
	if (line) {
		*tracer = strtoull(line + strlen(key), NULL, 10);
		err = 0;
	}
	free(status);
	return err;
}

void proc_free(struct proc_info *info)
{
	free(info->cmdline);
	free(info->cgroup);
	free(info->vcpu_cgroup);
	memset(info, 0, sizeof(*info));
}
