// SPDX-License-Identifier: GPL-2.0
/*
 * The history has one writer, so others leave what it is to have in a file: a line for
 * each event, appended and taken under a lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/record.h"
#include "record/watch-log.h"

#define LOG_NAME	"watch.log"

#define BUFFER_BYTES	(2 * WATCH_LOG_MOST_BYTES)

/* The locked file, or -1: of another kind it is not ours, nor if others may write to it. */
static int open_log(const char *state, int flags, int lock, struct stat *stat)
{
	char *path = xasprintf("%s/" LOG_NAME, state);
	int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	free(path);
	if (fd < 0)
		return -1;
	if (!flock(fd, lock) && !fstat(fd, stat) && S_ISREG(stat->st_mode) &&
	    stat->st_uid == geteuid() && stat->st_nlink == 1 &&
	    !(stat->st_mode & (S_IWGRP | S_IWOTH)))
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

/* As one write, which a signal does not divide, and not at the end of half a line. */
static bool write_line(int fd, uint64_t time_ns, const char *boot_id, const char *words)
{
	char *line = xasprintf("\n1 %llu EVENT=watch BOOT=%s %s\n",
			       (unsigned long long)time_ns, boot_id, words);
	ssize_t len = strlen(line);
	bool is_whole = write(fd, line, len) == len;

	free(line);
	return is_whole;
}

void watch_log_add(const char *state, const char *boot_id, uint64_t time_ns,
		   const char *fmt, ...)
{
	struct stat stat;
	int fd = is_recorded(state) ?
		 open_log(state, O_WRONLY | O_CREAT | O_APPEND, LOCK_EX, &stat) : -1;
	char *words;
	va_list ap;

	if (fd < 0)
		return;
	if (stat.st_size < WATCH_LOG_MOST_BYTES) {
		va_start(ap, fmt);
		words = xvasprintf(fmt, ap);
		va_end(ap);
		if (write_line(fd, time_ns, boot_id, words) &&
		    lseek(fd, 0, SEEK_END) >= WATCH_LOG_MOST_BYTES)
			write_line(fd, time_ns, boot_id, "ACTION=lost");
		free(words);
	}
	close(fd);
}

static void take_line(const char *line, const char *boot_id, event_words_fn fn, void *arg)
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

void watch_log_take(struct watch_log *log, const char *state, const char *boot_id,
		    event_words_fn fn, void *arg)
{
	struct stat stat;
	int fd = open_log(state, O_RDONLY, LOCK_EX | LOCK_NB, &stat);
	char *buf, *rest, *line;
	ssize_t len;

	if (fd < 0)
		return;
	if (stat.st_size < log->taken)
		log->taken = 0;
	buf = xcalloc(BUFFER_BYTES, 1);
	len = pread(fd, buf, BUFFER_BYTES - 1, log->taken);
	if (len > 0) {
		log->taken += len;
		rest = buf;
		while ((line = strsep(&rest, "\n")))
			take_line(line, boot_id, fn, arg);
	}
	free(buf);
	close(fd);
}

void watch_log_drop(struct watch_log *log, const char *state)
{
	struct stat stat;
	int fd = log->taken ? open_log(state, O_WRONLY, LOCK_EX | LOCK_NB, &stat) : -1;

	if (fd < 0)
		return;
	/* What came meanwhile stays; watch does not make it that large. */
	if ((stat.st_size <= log->taken || stat.st_size >= BUFFER_BYTES) && !ftruncate(fd, 0))
		log->taken = 0;
	close(fd);
}
