// SPDX-License-Identifier: GPL-2.0
/*
 * A fault on a page that a user's own file system (FUSE) withholds keeps the lock of the
 * process's memory map for as long as that user likes, and whoever reads cmdline or smaps
 * of that process waits for the lock: only SIGKILL ends the wait. So a thread reads, and
 * is left behind when it does not return.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file-within.h"
#include "base/file.h"
#include "base/util.h"
#include "base/wait.h"

#define STACK_BYTES	(256 << 10)

/* Readings that may be left behind; with more of them nothing is read. */
#define MOST_LEFT	256

/*
 * Each wait may take this part of what it is given, which is more than a busy machine
 * needs. What waits take beyond that is no more than this in all, and an hour later as
 * much again: no number of processes that do not answer keeps the tool from the others.
 */
#define PATIENCE_NS	(10 * NSEC_PER_SEC)
#define REGAIN		360
#define LEAST_PART	20

struct reading {
	pthread_t thread;
	int dirfd, done_fd;
	uint64_t pid;
	char *name, *text;
	size_t most, len;
	int err;
};

static struct {
	struct reading **v;
	size_t num;
	/* Whose threads they are: a child has none of its parent's. */
	pid_t owner;
} left;

/* What waits took beyond their part, as far as it is not regained, and when that was so. */
static uint64_t waited_ns, waited_at_ns;

static void reading_free(struct reading *reading)
{
	if (reading->dirfd >= 0)
		close(reading->dirfd);
	if (reading->done_fd >= 0)
		close(reading->done_fd);
	free(reading->name);
	free(reading->text);
	free(reading);
}

static void *read_file(void *arg)
{
	struct reading *reading = arg;

	reading->text = file_read(reading->dirfd, reading->name, reading->most, &reading->len);
	reading->err = errno;
	eventfd_write(reading->done_fd, 1);
	return NULL;
}

/* Those that have returned are of no use any more: who asks reads anew. */
static void drop_returned(void)
{
	size_t kept = 0, i;

	if (left.owner != getpid())
		left.num = 0;
	left.owner = getpid();
	for (i = 0; i < left.num; i++) {
		struct reading *reading = left.v[i];

		if (pthread_tryjoin_np(reading->thread, NULL))
			left.v[kept++] = reading;
		else
			reading_free(reading);
	}
	left.num = kept;
}

bool file_is_withheld(uint64_t pid)
{
	size_t i;

	drop_returned();
	for (i = 0; i < left.num; i++)
		if (left.v[i]->pid == pid)
			return true;
	return false;
}

static uint64_t least_of(uint64_t most_ns)
{
	return most_ns / LEAST_PART;
}

/* How long to wait now. */
static uint64_t wait_of(uint64_t most_ns)
{
	uint64_t now = boottime_ns(), limit_ns;

	waited_ns = sub_clamped(waited_ns, sub_clamped(now, waited_at_ns) / REGAIN);
	waited_at_ns = now;
	limit_ns = least_of(most_ns) + sub_clamped(PATIENCE_NS, waited_ns);
	return limit_ns < most_ns ? limit_ns : most_ns;
}

/* 0, or an error number. All signals are blocked, also for the thread. */
static int start(struct reading *reading)
{
	pthread_attr_t attr;
	int err = pthread_attr_init(&attr);

	if (err)
		return err;
	err = pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (!err)
		err = pthread_create(&reading->thread, &attr, read_file, reading);
	pthread_attr_destroy(&attr);
	return err;
}

/* 0, or ETIMEDOUT: then it stays with those that were left behind. */
static int finish(struct reading *reading, uint64_t most_ns)
{
	uint64_t limit_ns = wait_of(most_ns), start_ns = waited_at_ns;
	struct pollfd done = { .fd = reading->done_fd, .events = POLLIN };
	/* Not ppoll(), which the tool's tests take for the wait for an interval's end. */
	bool is_done = poll(&done, 1, limit_ns / (NSEC_PER_SEC / 1000) + 1) == 1;
	uint64_t took_ns = sub_clamped(boottime_ns(), start_ns);

	/* The machine may have been suspended. */
	if (!is_done || took_ns > limit_ns)
		took_ns = limit_ns;
	waited_ns = add_saturated(waited_ns, sub_clamped(took_ns, least_of(most_ns)));
	if (is_done)
		pthread_join(reading->thread, NULL);
	else
		*GROW(left.v, left.num) = reading;
	return is_done ? 0 : ETIMEDOUT;
}

/* The text, or NULL with *err set. */
static char *read_within(struct reading *reading, uint64_t most_ns, size_t *len, int *err)
{
	sigset_t all, before;
	char *text;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	*err = start(reading);
	if (!*err)
		*err = finish(reading, most_ns);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (*err == ETIMEDOUT)
		return NULL;
	text = reading->text;
	reading->text = NULL;
	*len = reading->len;
	if (!*err && !text)
		*err = reading->err;
	reading_free(reading);
	return text;
}

char *file_read_within(int dirfd, const char *name, size_t most, size_t *len, uint64_t pid,
		       uint64_t most_ns)
{
	struct reading *reading;
	char *text;
	int err;

	if (file_is_withheld(pid) || left.num == MOST_LEFT) {
		errno = ETIMEDOUT;
		return NULL;
	}
	reading = xcalloc(1, sizeof(*reading));
	*reading = (struct reading) {
		.pid = pid, .name = xstrdup(name), .most = most,
		.dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0),
		.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (reading->dirfd < 0 || reading->done_fd < 0) {
		err = errno;
		reading_free(reading);
		errno = err;
		return NULL;
	}
	text = read_within(reading, most_ns, len, &err);
	errno = err;
	return text;
}
