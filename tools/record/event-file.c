// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "record/event-file.h"

int event_file_open(struct event_file *file, const struct env *env)
{
	file->seq = 0;
	file->rest = NULL;
	file->fd = openat(env->class_fd, "l1/events", O_RDONLY | O_CLOEXEC);
	return file->fd < 0 ? -errno : 0;
}

void event_file_close(struct event_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	file->rest = NULL;
}

int event_file_read(struct event_file *file)
{
	ssize_t len;
	int err;

	do {
		/* An attribute is made anew by a read from its start. */
		len = pread(file->fd, file->buf, sizeof(file->buf) - 1, 0);
	} while (len < 0 && errno == EINTR);
	if (len < 0) {
		err = -errno;
		event_file_close(file);
		return err;
	}
	/* Whole lines only. */
	while (len && file->buf[len - 1] != '\n')
		len--;
	file->buf[len] = '\0';
	file->rest = file->buf;
	return 0;
}

bool event_file_take(struct event_file *file, struct record *record,
		     uint64_t *num_lost)
{
	char *line;

	while ((line = strsep(&file->rest, "\n"))) {
		if (record_parse(line, record) || record->seq <= file->seq)
			continue;
		*num_lost = record->seq - file->seq - 1;
		file->seq = record->seq;
		return true;
	}
	return false;
}

void event_file_skip(struct event_file *file)
{
	struct record record;
	uint64_t num_lost;

	while (event_file_take(file, &record, &num_lost))
		;
}
