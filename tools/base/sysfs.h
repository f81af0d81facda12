/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SYSFS_H
#define L1TUNE_SYSFS_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One value: the file without its last newline. Its length, or -errno. */
int sysfs_read(int dirfd, const char *name, char *buf, size_t size);
int sysfs_read_u64(int dirfd, const char *name, uint64_t *value);

/* One value, whole or -errno. */
int sysfs_write(int dirfd, const char *name, const char *value);

/* A directory to read from, or -errno. */
int sysfs_open_dir(int dirfd, const char *name);

/* The same to list, in the order in which it comes; NULL with errno. */
DIR *sysfs_list_dir(int dirfd, const char *name);

/* Calls fn for every entry of a directory by name, until it returns not 0. */
int sysfs_for_each(int dirfd, const char *dir,
		   int (*fn)(int fd, const char *name, void *arg), void *arg);

/* Does this error mean that one may not see it? */
bool sysfs_is_withheld(int err);

/* Does this error mean that the device went away while it was being read? */
bool sysfs_is_gone(int err);

#endif
