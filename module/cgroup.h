/* SPDX-License-Identifier: GPL-2.0 */
/* Where a task is in the tree of cgroups (v2), as a path. */
#ifndef L1TUNE_CGROUP_H
#define L1TUNE_CGROUP_H

#include <linux/sched.h>
#include <linux/types.h>

/* What lies deeper, or is longer, is not told apart. */
#define L1T_CGROUP_LEVELS	16
#define L1T_CGROUP_BYTES	1024

void l1t_cgroup_path(struct task_struct *task, char *path);

#endif
