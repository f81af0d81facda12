/* SPDX-License-Identifier: GPL-2.0 */
/* A task's place in the cgroup v2 hierarchy, as a path. */
#ifndef L1TUNE_CGROUP_H
#define L1TUNE_CGROUP_H

#include <linux/sched.h>
#include <linux/types.h>

/* What is deeper or longer is truncated. */
#define L1T_CGROUP_LEVELS	16
#define L1T_CGROUP_BYTES	1024

/* Ends a path that is truncated. No name of a cgroup is empty. */
#define L1T_CGROUP_MORE		"//..."

void l1t_cgroup_path(struct task_struct *task, char *path);

#endif
