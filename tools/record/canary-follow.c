// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/util.h"
#include "record/canary-follow.h"
#include "record/canary-log.h"

/* Notes the last sample; true if one that is newer than the last call's shows a change. */
static bool look(struct canary_follow *follow, struct drift_change *change)
{
	struct canary_samples samples;
	struct drift drift = { };
	struct drift_change any;
	bool found = false;
	size_t i;

	canary_log_read(follow->dir_fd, &samples);
	for (i = 0; i < samples.num; i++) {
		if (!drift_add(&drift, &samples.v[i], &any) || any.found_ns <= follow->seen_ns)
			continue;
		*change = any;
		found = true;
	}
	if (samples.num)
		follow->seen_ns = samples.v[samples.num - 1].time_ns;
	canary_samples_free(&samples);
	return found;
}

void canary_follow_open(struct canary_follow *follow, const char *state)
{
	char *dir = xasprintf("%s/record", state);
	struct drift_change old;

	*follow = (struct canary_follow){ .fd = -1 };
	follow->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (follow->dir_fd >= 0)
		follow->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	/* The directory, as the file is made anew when its size changes. */
	if (follow->fd >= 0 && inotify_add_watch(follow->fd, dir, IN_MODIFY | IN_MOVED_TO) < 0) {
		close(follow->fd);
		follow->fd = -1;
	}
	if (follow->fd >= 0)
		look(follow, &old);
	free(dir);
}

void canary_follow_close(struct canary_follow *follow)
{
	if (follow->fd >= 0)
		close(follow->fd);
	if (follow->dir_fd >= 0)
		close(follow->dir_fd);
}

/* Other files of the history are written more often. */
static bool was_written(struct canary_follow *follow)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool was = false;
	ssize_t len, at;

	while ((len = read(follow->fd, buf, sizeof(buf))) > 0)
		for (at = 0; at < len; ) {
			const struct inotify_event *event = (void *)(buf + at);

			was |= event->len && !strcmp(event->name, CANARY_LOG_NAME);
			at += sizeof(*event) + event->len;
		}
	return was;
}

bool canary_follow_take(struct canary_follow *follow, struct drift_change *change)
{
	return follow->fd >= 0 && was_written(follow) && look(follow, change);
}
