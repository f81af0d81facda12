// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/memory-limit.h"
#include "model/cgroup-memory.h"
#include "model/machine.h"

bool memory_limit_fullest(const struct facts *f, const char *file, char **fullest,
			  double *share)
{
	char *name = xasprintf("%llu/cgroup",
			       (unsigned long long)f->guest->guest.pid);
	char *text = machine_text(f->env->proc, name), *directory;
	struct cgroup_mounts mounts = { };
	const char *mount = NULL;
	bool is_known;

	cgroup_mounts_update(f->env, &mounts);
	directory = text ? cgroup_memory_directory(&mounts, text, &mount) : NULL;
	is_known = directory || (text && !strcmp(file, "memory.high") && cgroup_memory_is_v1(text));
	if (directory)
		*fullest = cgroup_fullest(directory, mount, file, share);
	free(directory);
	cgroup_mounts_free(&mounts);
	free(text);
	free(name);
	return is_known;
}

enum answer is_at_memory_max(const struct facts *f, char **seen)
{
	char *fullest = NULL;
	double share = 0;
	bool is_known = memory_limit_fullest(f, "memory.max", &fullest, &share);

	append(seen, "; %s", fullest ? fullest : is_known ?
	       "its cgroups have no memory.max" : "memory.max of its cgroups is not known");
	free(fullest);
	return !is_known ? ANSWER_UNKNOWN : share >= 0.9 ? ANSWER_YES : ANSWER_NO;
}
