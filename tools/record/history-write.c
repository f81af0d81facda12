// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "record/history-write.h"

/* A file that is removed takes no more than this part of the history with it. */
#define SEGMENTS	32
/* What a clock that is adjusted all the time may go back. */
#define BACK_NS		NSEC_PER_SEC
/* How many records a reader has to decode for one, and a damaged one spoils. */
#define RECORDS_PER_KEY	64

static int open_directory(struct history_writer *writer, const char *dir)
{
	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	writer->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (writer->dir_fd < 0)
		return -errno;
	writer->lock_fd = openat(writer->dir_fd, "lock", O_RDWR | O_CREAT |
				 O_CLOEXEC | O_NOFOLLOW, 0600);
	return writer->lock_fd < 0 || flock(writer->lock_fd, LOCK_EX | LOCK_NB) ?
	       -errno : 0;
}

static int measure(struct history_writer *writer)
{
	struct segment *segments;
	size_t num, i;
	int err = segments_list(writer->dir_fd, &segments, &num);

	writer->next_number = num ? segments[num - 1].number + 1 : 1;
	for (i = 0; i < num; i++)
		writer->tiers[segments[i].tier].total_bytes += segments[i].bytes;
	free(segments);
	return err;
}

int history_writer_open(struct history_writer *writer, const char *dir,
			uint64_t most_bytes)
{
	int err, i;

	*writer = (struct history_writer){ .dir_fd = -1, .lock_fd = -1 };
	for (i = 0; i < NUM_TIERS; i++) {
		writer->tiers[i].fd = -1;
		writer->tiers[i].segment.tier = i;
		writer->tiers[i].most_bytes = most_bytes / 100 * tier_kinds[i].percent;
	}
	err = open_directory(writer, dir);
	return err ? err : measure(writer);
}

static void end_segment(struct tier_writer *tier)
{
	if (tier->fd >= 0)
		close(tier->fd);
	tier->fd = -1;
}

void history_writer_close(struct history_writer *writer)
{
	int i;

	for (i = 0; i < NUM_TIERS; i++) {
		end_segment(&writer->tiers[i]);
		moment_free(&writer->tiers[i].before);
	}
	if (writer->lock_fd >= 0)
		close(writer->lock_fd);
	if (writer->dir_fd >= 0)
		close(writer->dir_fd);
}

static int begin_segment(struct history_writer *writer, struct tier_writer *tier)
{
	tier->segment.number = writer->next_number++;
	tier->segment.bytes = 0;
	tier->fd = segment_open(writer->dir_fd, &tier->segment,
				O_WRONLY | O_CREAT | O_EXCL);
	if (tier->fd < 0)
		return tier->fd;
	/* After a power failure the file has to have its name. */
	return fsync(writer->dir_fd) ? -errno : 0;
}

/* Removes the oldest files, but not the one that is written. */
static int make_room(struct history_writer *writer, struct tier_writer *tier,
		     size_t bytes)
{
	struct segment *segments;
	size_t num, i;
	int err;

	if (tier->total_bytes + bytes <= tier->most_bytes)
		return 0;
	/* It does not fit whatever is removed. */
	if (bytes > tier->most_bytes - (tier->fd >= 0 ? tier->segment.bytes : 0))
		return -EFBIG;
	err = segments_list(writer->dir_fd, &segments, &num);
	for (i = 0; i < num && !err && tier->total_bytes + bytes > tier->most_bytes; i++) {
		if (segments[i].tier != tier->segment.tier ||
		    (tier->fd >= 0 && segments[i].number == tier->segment.number))
			continue;
		err = segment_unlink(writer->dir_fd, &segments[i]);
		if (!err)
			tier->total_bytes -= segments[i].bytes;
	}
	free(segments);
	return err ? err : tier->total_bytes + bytes > tier->most_bytes ? -EFBIG : 0;
}

static int write_all(int fd, const char *buf, size_t bytes, uint64_t offset)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pwrite(fd, buf + done, bytes - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		done += n;
	}
	return fdatasync(fd) ? -errno : 0;
}

/* What was begun is taken back; where that fails, the next record has its own file. */
static int append_record(struct tier_writer *tier, const void *record, size_t bytes)
{
	int err = write_all(tier->fd, record, bytes, tier->segment.bytes);

	if (!err) {
		tier->segment.bytes += bytes;
		tier->total_bytes += bytes;
	} else if (ftruncate(tier->fd, tier->segment.bytes)) {
		end_segment(tier);
	}
	return err;
}

/* Readers take a file to begin before all that it has. */
static bool is_set_back(const struct tier_writer *tier, const struct moment *moment)
{
	return moment_time_ns(moment) + BACK_NS < moment_time_ns(&tier->before);
}

static void *encode(struct tier_writer *tier, const struct moment *moment, size_t *bytes)
{
	bool is_key;

	if (tier->segment.bytes >= tier->most_bytes / SEGMENTS || is_set_back(tier, moment))
		end_segment(tier);
	is_key = tier->fd < 0 || tier->since_key >= RECORDS_PER_KEY;
	if (is_key)
		tier->since_key = 0;
	return record_encode(moment, is_key ? NULL : &tier->before, bytes);
}

int history_write(struct history_writer *writer, enum tier number,
		  struct moment *moment)
{
	struct tier_writer *tier = &writer->tiers[number];
	size_t bytes;
	void *record = encode(tier, moment, &bytes);
	int err = record ? make_room(writer, tier, bytes) : -EFBIG;

	if (!err && tier->fd < 0)
		err = begin_segment(writer, tier);
	if (!err)
		err = append_record(tier, record, bytes);
	free(record);
	if (err) {
		/* The record was not written, so the next is a key and no difference from it. */
		tier->since_key = RECORDS_PER_KEY;
		return err;
	}
	tier->since_key++;
	moment_free(&tier->before);
	tier->before = *moment;
	tier->before.events = NULL;
	tier->before.num_events = 0;
	*moment = (struct moment) {
		.events = moment->events, .num_events = moment->num_events,
	};
	return 0;
}
