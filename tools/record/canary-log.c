// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "record/canary-log.h"

#define SLOT_MAGIC	0x0143314cu	/* "L1C" and the version, 1 */
#define MOST_BYTES	(64 << 20)
#define NEW_NAME	CANARY_LOG_NAME ".new"

/* In the byte order of x86, without holes. */
struct slot {
	uint32_t magic;
	uint32_t checksum;
	/* Counts up from 1; the place in the file is this modulo the number of places. */
	uint64_t seq;
	struct canary_sample sample;
};

struct slots {
	struct slot *v;
	size_t num;
};

/* FNV-1a of all but the magic and itself. */
static uint32_t checksum_of(const struct slot *slot)
{
	const unsigned char *p = (const unsigned char *)&slot->seq;
	const unsigned char *end = (const unsigned char *)(slot + 1);
	uint32_t sum = 2166136261u;

	while (p < end)
		sum = (sum ^ *p++) * 16777619u;
	return sum;
}

static int compare(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int write_slot(int fd, uint64_t capacity, const struct slot *slot)
{
	ssize_t n = pwrite(fd, slot, sizeof(*slot), slot->seq % capacity * sizeof(*slot));

	return n == sizeof(*slot) ? 0 : n < 0 ? -errno : -ENOSPC;
}

/* The whole ones of a file, in order; num_places is how many it has room for. */
static int read_slots(int fd, struct slots *slots, uint64_t *num_places)
{
	struct slot slot;
	uint64_t i;
	ssize_t n;

	for (i = 0; (n = pread(fd, &slot, sizeof(slot), i * sizeof(slot))) == sizeof(slot) &&
	     i < MOST_BYTES / sizeof(slot); i++)
		if (slot.magic == SLOT_MAGIC && slot.seq && slot.checksum == checksum_of(&slot))
			*GROW(slots->v, slots->num) = slot;
	if (slots->num)
		qsort(slots->v, slots->num, sizeof(*slots->v), compare);
	*num_places = i;
	return n < 0 ? -errno : 0;
}

/* Whole before it has its name; all of its room is taken at once. */
static int create(struct canary_log *log, int dir_fd, const struct slots *slots)
{
	size_t first = slots->num > log->capacity ? slots->num - log->capacity : 0, i;
	int err;

	log->fd = openat(dir_fd, NEW_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log->fd < 0)
		return -errno;
	err = -posix_fallocate(log->fd, 0, log->capacity * sizeof(struct slot));
	for (i = first; i < slots->num && !err; i++)
		err = write_slot(log->fd, log->capacity, &slots->v[i]);
	if (!err && (fsync(log->fd) || renameat(dir_fd, NEW_NAME, dir_fd, CANARY_LOG_NAME) || fsync(dir_fd)))
		err = -errno;
	if (err)
		unlinkat(dir_fd, NEW_NAME, 0);
	return err;
}

int canary_log_open(struct canary_log *log, int dir_fd, uint64_t bytes)
{
	struct slots slots = { };
	uint64_t num_places = 0;
	int err = 0;

	*log = (struct canary_log){ .capacity = bytes / sizeof(struct slot) };
	if (log->capacity > MOST_BYTES / sizeof(struct slot))
		log->capacity = MOST_BYTES / sizeof(struct slot);
	log->fd = openat(dir_fd, CANARY_LOG_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (log->fd < 0 && errno != ENOENT)
		return -errno;
	if (log->fd >= 0)
		err = read_slots(log->fd, &slots, &num_places);
	log->next_seq = slots.num ? slots.v[slots.num - 1].seq + 1 : 1;
	if (!err && num_places != log->capacity) {
		canary_log_close(log);
		err = create(log, dir_fd, &slots);
	}
	free(slots.v);
	return err;
}

void canary_log_close(struct canary_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

int canary_log_add(struct canary_log *log, const struct canary_sample *sample)
{
	struct slot slot = { .magic = SLOT_MAGIC, .seq = log->next_seq, .sample = *sample };
	int err;

	slot.checksum = checksum_of(&slot);
	err = write_slot(log->fd, log->capacity, &slot);
	if (!err && fdatasync(log->fd))
		err = -errno;
	if (!err)
		log->next_seq++;
	return err;
}

int canary_log_read(int dir_fd, struct canary_samples *samples)
{
	int fd = openat(dir_fd, CANARY_LOG_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct slots slots = { };
	uint64_t num_places;
	size_t i;
	int err;

	*samples = (struct canary_samples){ };
	if (fd < 0)
		return -errno;
	err = read_slots(fd, &slots, &num_places);
	for (i = 0; i < slots.num; i++)
		*GROW(samples->v, samples->num) = slots.v[i].sample;
	free(slots.v);
	close(fd);
	return err;
}

void canary_samples_free(struct canary_samples *samples)
{
	free(samples->v);
	*samples = (struct canary_samples){ };
}
