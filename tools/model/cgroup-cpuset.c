// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "model/cgroup-cpuset.h"

/* "member", "root", "isolated"; one that is not in force has "invalid" and why after it. */
static void read_partition(const char *directory, char *partition, size_t size)
{
	char *path = xasprintf("%s/cpuset.cpus.partition", directory);

	if (sysfs_read(AT_FDCWD, path, partition, size) < 0)
		*partition = '\0';
	free(path);
}

char *cgroup_isolated_partition(const char *directory, const char *mount)
{
	size_t root = strlen(mount);
	char *level = xstrdup(directory), *name = NULL;
	char partition[128] = "";

	while (strlen(level) > root) {
		read_partition(level, partition, sizeof(partition));
		if (!strcmp(partition, "root") || !strcmp(partition, "isolated"))
			break;
		*strrchr(level, '/') = '\0';
	}
	if (strlen(level) > root && !strcmp(partition, "isolated"))
		name = xstrdup(level + root);
	free(level);
	return name;
}
