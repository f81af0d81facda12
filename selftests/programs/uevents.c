// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: uevents UID
 * Listens to the kernel's uevents as user UID: prints "listening", then the
 * variables of each of l1tune's on a line; until it is killed.
 */
#define _GNU_SOURCE
#include <linux/netlink.h>
#include <sys/socket.h>

#include "kvm.h"

/* Prints, or only asks whether it is l1tune's; the first string is no variable. */
static int walk(const char *message, ssize_t size, int print)
{
	const char *s;
	int ours = 0;

	for (s = message + strlen(message) + 1; s < message + size; s += strlen(s) + 1) {
		ours |= !strcmp(s, "SUBSYSTEM=l1tune");
		if (print)
			printf("%s ", s);
	}
	if (print)
		putchar('\n');
	return ours;
}

int main(int argc, char **argv)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	static char message[16384];
	ssize_t n;
	int fd;

	if (argc != 2)
		errx(2, "usage: uevents UID");
	setvbuf(stdout, NULL, _IOLBF, 0);
	become(atoi(argv[1]));
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (fd < 0 || bind(fd, (const void *)&address, sizeof(address)))
		err(1, "netlink");
	puts("listening");
	for (;;) {
		n = recv(fd, message, sizeof(message) - 1, 0);
		if (n <= 0)
			continue;
		message[n] = '\0';
		if (walk(message, n, 0))
			walk(message, n, 1);
	}
}
