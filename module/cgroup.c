// SPDX-License-Identifier: GPL-2.0
#include <linux/cgroup.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "cgroup.h"

#ifdef CONFIG_CGROUPS
/* In cgroup v2 a cgroup keeps its name, so RCU is enough. */
static const char *name_of(const struct cgroup *cgroup)
{
	return (__force const char *)READ_ONCE(cgroup->kn->name);
}

/* Since 6.1 the ancestor is found at once, however deep a user has made the hierarchy. */
static unsigned int list_levels(struct cgroup *cgroup, const struct cgroup **at)
{
	unsigned int levels = cgroup->level;

	cgroup = cgroup_ancestor(cgroup, min_t(int, levels, L1T_CGROUP_LEVELS));
	for (; cgroup; cgroup = cgroup_parent(cgroup))
		at[cgroup->level] = cgroup;
	return levels;
}

/**
 * l1t_cgroup_path() - path of a task's cgroup, from the root of the hierarchy
 * @task: the current one, or one that stays: the caller has a reference, or is in an RCU
 *	read section
 * @path: of L1T_CGROUP_BYTES; "/" for the root, and if only cgroup v1 is used. A path
 *	that is too deep or too long is truncated after a whole name and ends in
 *	L1T_CGROUP_MORE
 *
 * Context: any but NMI.
 */
void l1t_cgroup_path(struct task_struct *task, char *path)
{
	const struct cgroup *at[L1T_CGROUP_LEVELS + 1];
	unsigned int level, levels;
	size_t len = 0, bytes;

	strscpy(path, "/", L1T_CGROUP_BYTES);
	rcu_read_lock();
	levels = list_levels(task_dfl_cgroup(task), at);
	for (level = 1; level <= levels; level++) {
		if (level > L1T_CGROUP_LEVELS ||
		    len + 1 + strlen(name_of(at[level])) + strlen(L1T_CGROUP_MORE) >= L1T_CGROUP_BYTES) {
			strscpy(path + len, L1T_CGROUP_MORE, L1T_CGROUP_BYTES - len);
			break;
		}
		bytes = scnprintf(path + len, L1T_CGROUP_BYTES - len, "/%s",
				  name_of(at[level]));
		len += bytes;
	}
	rcu_read_unlock();
}
#else
void l1t_cgroup_path(struct task_struct *task, char *path)
{
	strscpy(path, "/", L1T_CGROUP_BYTES);
}
#endif
