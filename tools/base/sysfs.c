// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sysfs.h"
#include "base/util.h"

int sysfs_read(int dirfd, const char *name, char *buf, size_t size)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	/* An attribute is made as a whole, and comes as a whole. */
	do {
		len = read(fd, buf, size);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		len = -errno;
	close(fd);
	if (len < 0)
		return len;
	if ((size_t)len == size)
		return -EOVERFLOW;
	if (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return len;
}

int sysfs_read_u64(int dirfd, const char *name, uint64_t *value)
{
	char buf[32];
	int len = sysfs_read(dirfd, name, buf, sizeof(buf));

	return len < 0 ? len : parse_u64(buf, value) ? -EBADMSG : 0;
}

int sysfs_write(int dirfd, const char *name, const char *value)
{
	int fd = openat(dirfd, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	size_t len = strlen(value);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, value, len);
	n = n < 0 ? -errno : (size_t)n < len ? -EIO : 0;
	close(fd);
	return n;
}

int sysfs_open_dir(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

DIR *sysfs_list_dir(int dirfd, const char *name)
{
	int fd = sysfs_open_dir(dirfd, name);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int err = errno;

	if (!dir && fd >= 0)
		close(fd);
	errno = err;
	return dir;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int sysfs_for_each(int dirfd, const char *dir,
		   int (*fn)(int fd, const char *name, void *arg), void *arg)
{
	struct dirent **entries;
	int num, i, err = 0;
	int fd = sysfs_open_dir(dirfd, dir);

	if (fd < 0)
		return fd;
	num = scandirat(fd, ".", &entries, is_visible, alphasort);
	if (num < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	for (i = 0; i < num; i++) {
		if (!err)
			err = fn(fd, entries[i]->d_name, arg);
		free(entries[i]);
	}
	free(entries);
	close(fd);
	return err;
}

bool sysfs_is_withheld(int err)
{
	return err == -EACCES || err == -EPERM;
}

bool sysfs_is_gone(int err)
{
	return err == -ENOENT || err == -ENODEV || err == -ENXIO ||
	       err == -ESRCH;
}
