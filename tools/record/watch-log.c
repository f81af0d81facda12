// SPDX-License-Identifier: GPL-2.0
/*
 * The history has one writer, so others leave what it is to have in a file: a line for
 * each event, appended and taken under a lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/record.h"
#include "record/watch-log.h"

#define LOG_NAME	"watch.log"

/* The locked file, or -1: of another user or kind it is not ours. */
static int open_log(const char *state, int flags)
{
	char *path = xasprintf("%s/" LOG_NAME, state);
	int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat stat;

	free(path);
	if (fd < 0)
		return -1;
	if (!fstat(fd, &stat) && S_ISREG(stat.st_mode) && stat.st_uid == geteuid() &&
	    !flock(fd, LOCK_EX))
		return fd;
	close(fd);
	return -1;
}

static bool is_recorded(const char *state)
{
	char *path = xasprintf("%s/record", state);
	bool is_there = !access(path, W_OK);

	free(path);
	return is_there;
}

void watch_log_add(const char *state, const char *boot_id, uint64_t time_ns,
		   const char *fmt, ...)
{
	int fd = is_recorded(state) ? open_log(state, O_WRONLY | O_CREAT | O_APPEND) : -1;
	off_t size;
	va_list ap;

	if (fd < 0)
		return;
	size = lseek(fd, 0, SEEK_END);
	if (size >= 0 && size < WATCH_LOG_MOST_BYTES) {
		va_start(ap, fmt);
		dprintf(fd, "1 %llu EVENT=watch BOOT=%s ", (unsigned long long)time_ns, boot_id);
		vdprintf(fd, fmt, ap);
		dprintf(fd, "\n");
		va_end(ap);
		if (lseek(fd, 0, SEEK_END) >= WATCH_LOG_MOST_BYTES)
			dprintf(fd, "1 %llu EVENT=watch BOOT=%s ACTION=lost\n",
				(unsigned long long)time_ns, boot_id);
	}
	close(fd);
}

static void take_line(const char *line, const char *boot_id, watch_log_fn fn, void *arg)
{
	char *copy = xstrdup(line);
	const char *boot, *words;
	struct record record;

	if (!record_parse(copy, &record) && record_has_event(&record, "watch")) {
		boot = uevent_get(&record.keys, "BOOT");
		words = strstr(line, "EVENT=");
		if (boot && !strcmp(boot, boot_id) && words)
			fn(record.time_ns, words, arg);
	}
	free(copy);
}

void watch_log_take(const char *state, const char *boot_id, watch_log_fn fn, void *arg)
{
	int fd = open_log(state, O_RDWR);
	char *buf, *rest, *line;
	ssize_t len;

	if (fd < 0)
		return;
	buf = xcalloc(2 * WATCH_LOG_MOST_BYTES, 1);
	len = pread(fd, buf, 2 * WATCH_LOG_MOST_BYTES - 1, 0);
	if (len > 0 && !ftruncate(fd, 0)) {
		rest = buf;
		while ((line = strsep(&rest, "\n")))
			take_line(line, boot_id, fn, arg);
	}
	free(buf);
	close(fd);
}
