// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "model/hold.h"
#include "model/proc.h"

#define MAX_CGROUP	(1 << 16)

enum hold hold_read(const struct env *env, const struct cgroup_mounts *mounts,
		    uint64_t pid)
{
	char file[40], *text;
	bool is_frozen;
	size_t len;

	if (proc_is_stopped(env->proc_fd, pid))
		return HOLD_STOPPED;
	snprintf(file, sizeof(file), "%llu/cgroup", (unsigned long long)pid);
	text = file_read(env->proc_fd, file, MAX_CGROUP, &len);
	is_frozen = text && cgroup_is_frozen(mounts, text);
	free(text);
	return is_frozen ? HOLD_FROZEN : HOLD_NONE;
}
