// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/kept-file.h"
#include "base/util.h"

/* The kernel has a buffer of a page for each: with more open files none is kept. */
#define KEPT_MOST	16384

static int open_file(struct kept_file *file, int dirfd, const char *name)
{
	if (file->is_open)
		return 0;
	file->fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	file->is_open = file->fd >= 0;
	return file->is_open ? 0 : -errno;
}

int kept_file_read(struct kept_file *file, int dirfd, const char *name, char *buf,
		   size_t size)
{
	ssize_t len;
	int err = open_file(file, dirfd, name);

	if (err)
		return err;
	do {
		len = pread(file->fd, buf, size, 0);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		len = -errno;
	else if ((size_t)len == size)
		len = -EOVERFLOW;
	if (len < 0 || file->fd >= KEPT_MOST)
		kept_file_close(file);
	if (len < 0)
		return len;
	if (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return len;
}

int kept_file_read_u64(struct kept_file *file, int dirfd, const char *name,
		       uint64_t *value)
{
	char buf[32];
	int len = kept_file_read(file, dirfd, name, buf, sizeof(buf));

	return len < 0 ? len : parse_u64(buf, value) ? -EBADMSG : 0;
}

void kept_file_close(struct kept_file *file)
{
	if (file->is_open)
		close(file->fd);
	file->is_open = false;
}
