/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_NAME_CGROUP_H
#define L1TUNE_NAME_CGROUP_H

/*
 * The name that a control group's path gives a guest: its container, its unit
 * or scope, or the directory that a jailer or runtime made for it. *source says
 * which. A copy, or NULL if it names no more than a login or a slice.
 */
char *name_from_cgroup(const char *path, const char **source);

#endif
