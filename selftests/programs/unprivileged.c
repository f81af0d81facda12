// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: unprivileged admin|userns|uid:UID COMMAND…
 * Runs a command as root without CAP_SYS_ADMIN: dropped, or held in a user
 * namespace of its own only; or as another user, whose group has the same number.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

#include "kvm.h"

static void drop_admin(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN) || syscall(SYS_capget, &head, data))
		err(1, "cannot drop CAP_SYS_ADMIN");
	data[0].effective &= ~(1u << CAP_SYS_ADMIN);
	data[0].permitted &= ~(1u << CAP_SYS_ADMIN);
	if (syscall(SYS_capset, &head, data))
		err(1, "capset");
}

static void enter_userns(void)
{
	static const char map[] = "0 0 1\n";
	int fd;

	if (unshare(CLONE_NEWUSER))
		err(1, "unshare");
	fd = open("/proc/self/uid_map", O_WRONLY);
	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		err(1, "uid_map");
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: unprivileged admin|userns|uid:UID COMMAND...");
	if (!strncmp(argv[1], "uid:", 4))
		become(atoi(argv[1] + 4));
	else if (!strcmp(argv[1], "admin"))
		drop_admin();
	else
		enter_userns();
	execvp(argv[2], argv + 2);
	err(1, "%s", argv[2]);
}
