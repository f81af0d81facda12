// SPDX-License-Identifier: GPL-2.0
/*
 * pids.max of a running VMM's cgroup and of those above it: a VMM has a thread for each vCPU,
 * and makes others as its guest needs them. Where it gets none it fails, or ends.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "doctor/checks.h"
#include "doctor/running.h"
#include "model/cgroup-memory.h"

/* Nearly used up from here on, in percent. */
#define NEARLY	90

struct search {
	struct cgroup_mounts mounts;
	/* "29 of 30 in /a/b.scope, ..." */
	char *list;
};

/* Guests may share a cgroup, and most share those above it. */
static void note_full(const struct memory_limit *limit, void *arg)
{
	struct search *search = arg;
	char *text;

	if (!limit->is_use_known || limit->used < limit->bytes / 100.0 * NEARLY)
		return;
	text = xasprintf("%llu of %llu in %s;", (unsigned long long)limit->used,
			 (unsigned long long)limit->bytes, limit->cgroup);
	if (!strstr(search->list, text))
		append(&search->list, "%s%s", *search->list ? " " : "", text);
	free(text);
}

static void look_at_guest(const struct env *env, const struct guest *guest, void *arg)
{
	struct search *search = arg;
	const char *mount;
	char *directory;

	cgroup_mounts_update(env, &search->mounts);
	directory = cgroup_memory_directory_of(env, &search->mounts, guest->pid, &mount);
	if (directory)
		memory_limits_look_at(directory, mount, "pids.max", note_full, search);
	free(directory);
}

void check_tasks(struct doctor *doctor)
{
	struct search search = { .list = xstrdup("") };

	running_look_at(doctor, look_at_guest, &search);
	if (*search.list)
		doctor_add(doctor, "pids.max", DOCTOR_WARNING,
			   xasprintf("cgroups of VMMs have nearly as many tasks (threads and processes) as they may: %s a VMM that needs one more fails then (Resource temporarily unavailable). Raise the limit where the cgroup is made",
				     search.list),
			   xstrdup("systemctl set-property UNIT TasksMax=NUMBER   # Docker: --pids-limit; Kubernetes: kubelet's podPidsLimit"));
	cgroup_mounts_free(&search.mounts);
	free(search.list);
}
