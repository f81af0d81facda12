/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CGROUP_CPUSET_H
#define L1TUNE_CGROUP_CPUSET_H

/*
 * "/a/b.scope": of a directory of version 2 and those above it the one whose partition of
 * CPUs it belongs to, if that is isolated: the scheduler moves no task between these CPUs.
 * A copy, or NULL if it is not, or cannot be read.
 */
char *cgroup_isolated_partition(const char *directory, const char *mount);

#endif
