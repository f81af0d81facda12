/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_NAME_H
#define L1TUNE_NAME_H

#include <stddef.h>

/*
 * Who a guest is, over restarts of its VMM. Strings are as the VMM has them:
 * escape them to show them. NULL is nothing found.
 */
struct identity {
	char *name;
	/* Where the name is from, "qemu -name"; of static storage. */
	const char *name_source;
	/*
	 * What tells it from other guests of the same name: a UUID, the socket or
	 * disk that it alone has, a container. It lasts over a restart, too.
	 */
	char *instance;
};

/*
 * The command line is what /proc/PID/cmdline holds: arguments that end with
 * NUL. The control group may be NULL.
 */
void identity_find(const char *cmdline, size_t len, const char *cgroup,
		   struct identity *identity);
void identity_free(struct identity *identity);

#endif
