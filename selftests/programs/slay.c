// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: slay PID
 * Sends SIGKILL to a process and prints how many microseconds it took to end.
 */
#define _GNU_SOURCE
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ll + ts.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	struct pollfd fd = { .events = POLLIN };
	long long start;
	pid_t pid;

	if (argc != 2)
		errx(2, "usage: slay PID");
	pid = atoi(argv[1]);
	fd.fd = syscall(SYS_pidfd_open, pid, 0);
	if (fd.fd < 0)
		err(1, "%s", argv[1]);
	start = now_us();
	if (kill(pid, SIGKILL))
		err(1, "kill");
	if (poll(&fd, 1, 10000) != 1)
		errx(1, "%d does not end", pid);
	printf("%lld\n", now_us() - start);
	return 0;
}
