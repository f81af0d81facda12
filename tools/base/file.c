// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/util.h"

#define STEP	(64 << 10)

char *file_read(int dirfd, const char *name, size_t most, size_t *len)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC), err;
	char *text = NULL;
	size_t room = 0;
	ssize_t n;

	if (fd < 0)
		return NULL;
	*len = 0;
	do {
		if (*len == room) {
			room = most - room < STEP ? most : room + STEP;
			text = xreallocarray(text, room + 1, 1);
		}
		n = read(fd, text + *len, room - *len);
		*len += n > 0 ? n : 0;
	} while ((n > 0 && *len < most) || (n < 0 && errno == EINTR));
	err = errno;
	close(fd);
	if (n < 0) {
		free(text);
		errno = err;
		return NULL;
	}
	text = xreallocarray(text, *len + 1, 1);
	text[*len] = '\0';
	return text;
}
