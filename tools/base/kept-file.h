/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_KEPT_FILE_H
#define L1TUNE_KEPT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A small file of sysfs, /proc or a cgroup that is read again and again. It stays
 * open, as opening takes most of the time; begins as zero.
 */
struct kept_file {
	bool is_open;
	int fd;
};

/*
 * Its text now, without the last newline: the length, or -errno, and then it is
 * opened again the next time. -ESRCH or -ENODEV: what the file is about has ended.
 */
int kept_file_read(struct kept_file *file, int dirfd, const char *name, char *buf,
		   size_t size);
int kept_file_read_u64(struct kept_file *file, int dirfd, const char *name,
		       uint64_t *value);
void kept_file_close(struct kept_file *file);

#endif
