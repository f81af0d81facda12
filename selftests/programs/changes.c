// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: changes FILE SECONDS
 * Waits until poll(2) says that a sysfs file has changed; prints "ready" when
 * it begins to. Status 1 if it does not change in time.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct pollfd fd = { .events = POLLPRI };
	char buf[4096];

	if (argc != 3)
		errx(2, "usage: changes FILE SECONDS");
	fd.fd = open(argv[1], O_RDONLY);
	if (fd.fd < 0 || read(fd.fd, buf, sizeof(buf)) < 0)
		err(1, "%s", argv[1]);
	puts("ready");
	fflush(stdout);
	return poll(&fd, 1, atoi(argv[2]) * 1000) != 1;
}
