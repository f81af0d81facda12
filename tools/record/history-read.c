// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"
#include "record/history-read.h"

static void close_segment(struct tier_reader *tier)
{
	if (tier->fd >= 0)
		close(tier->fd);
	tier->fd = -1;
	moment_free(&tier->moment);
	tier->has_moment = false;
	tier->offset = 0;
}

/* A file without a whole record, and one that was removed meanwhile, is passed over. */
static void add_segment(struct history *history, const struct segment *segment)
{
	struct tier_reader *tier = &history->tiers[segment->tier];
	struct record_header header;
	int fd = segment_open(history->dir_fd, segment, O_RDONLY);
	size_t num = tier->num;

	if (fd < 0)
		return;
	if (record_read_header(fd, 0, &header)) {
		*GROW(tier->first_ns, num) = header.time_ns;
		*GROW(tier->segments, tier->num) = *segment;
	}
	close(fd);
}

int history_open(struct history *history, const char *dir)
{
	struct segment *segments = NULL;
	size_t num = 0, i;
	int err;

	*history = (struct history){ };
	for (i = 0; i < NUM_TIERS; i++)
		history->tiers[i].fd = -1;
	history->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (history->dir_fd < 0)
		return -errno;
	err = segments_list(history->dir_fd, &segments, &num);
	for (i = 0; i < num; i++)
		add_segment(history, &segments[i]);
	free(segments);
	return err;
}

void history_close(struct history *history)
{
	size_t i;

	for (i = 0; i < NUM_TIERS; i++) {
		close_segment(&history->tiers[i]);
		free(history->tiers[i].segments);
		free(history->tiers[i].first_ns);
	}
	if (history->dir_fd >= 0)
		close(history->dir_fd);
}

/* The last file that begins before a time; num if there is none. */
static size_t find_segment(const struct tier_reader *tier, uint64_t time_ns)
{
	size_t i = tier->num;

	while (i && tier->first_ns[i - 1] > time_ns)
		i--;
	return i ? i - 1 : tier->num;
}

static bool enter_segment(const struct history *history, struct tier_reader *tier,
			  size_t i)
{
	if (tier->fd >= 0 && tier->at == i)
		return true;
	close_segment(tier);
	tier->at = i;
	tier->fd = segment_open(history->dir_fd, &tier->segments[i], O_RDONLY);
	return tier->fd >= 0;
}

static uint64_t behind(uint64_t offset, const struct record_header *header)
{
	return offset + sizeof(*header) + header->stored_bytes;
}

/* Where to start decoding to get to a time: behind what was read, or at a key. */
static uint64_t start_of(struct tier_reader *tier, uint64_t time_ns)
{
	bool is_ahead = tier->has_moment && moment_time_ns(&tier->moment) <= time_ns;
	uint64_t start = is_ahead ? tier->offset : 0, offset = start;
	struct record_header header;

	while (record_read_header(tier->fd, offset, &header) && header.time_ns <= time_ns) {
		if (header.flags & RECORD_IS_KEY)
			start = offset;
		offset = behind(offset, &header);
	}
	return start;
}

/* Passes over what is damaged, and what needs it. */
static void decode_until(struct tier_reader *tier, uint64_t time_ns)
{
	uint64_t offset = start_of(tier, time_ns);
	struct record_header header;
	struct moment moment;
	bool is_next = tier->has_moment && offset == tier->offset;

	while (record_read_header(tier->fd, offset, &header) && header.time_ns <= time_ns) {
		bool is_good = record_decode(tier->fd, offset, &header,
					     is_next ? &tier->moment : NULL, &moment);

		offset = behind(offset, &header);
		is_next = is_good;
		if (!is_good)
			continue;
		moment_free(&tier->moment);
		tier->moment = moment;
		tier->has_moment = true;
		tier->offset = offset;
	}
}

static const struct moment *seek_tier(const struct history *history,
				      struct tier_reader *tier, uint64_t time_ns)
{
	size_t i = find_segment(tier, time_ns);

	if (i == tier->num || !enter_segment(history, tier, i))
		return NULL;
	if (tier->has_moment && moment_time_ns(&tier->moment) > time_ns) {
		close_segment(tier);
		if (!enter_segment(history, tier, i))
			return NULL;
	}
	decode_until(tier, time_ns);
	return tier->has_moment ? &tier->moment : NULL;
}

const struct moment *history_seek(struct history *history, uint64_t time_ns)
{
	const struct moment *last = NULL;
	int i;

	for (i = 0; i < NUM_TIERS; i++) {
		const struct moment *moment = seek_tier(history, &history->tiers[i], time_ns);

		if (moment && (!last || moment_time_ns(moment) > moment_time_ns(last)))
			last = moment;
	}
	return last;
}

/* Within the file that a time is in. */
static bool next_in_segment(const struct history *history, const struct tier_reader *tier,
			    size_t i, uint64_t time_ns, uint64_t *next_ns)
{
	int fd = segment_open(history->dir_fd, &tier->segments[i], O_RDONLY);
	struct record_header header;
	uint64_t offset = 0;
	bool found = false;

	while (fd >= 0 && !found && record_read_header(fd, offset, &header)) {
		found = header.time_ns > time_ns;
		*next_ns = header.time_ns;
		offset = behind(offset, &header);
	}
	if (fd >= 0)
		close(fd);
	return found;
}

static bool next_in_tier(const struct history *history, const struct tier_reader *tier,
			 uint64_t time_ns, uint64_t *next_ns)
{
	size_t i = find_segment(tier, time_ns);

	if (i < tier->num && next_in_segment(history, tier, i, time_ns, next_ns))
		return true;
	i = i == tier->num ? 0 : i + 1;
	if (i >= tier->num)
		return false;
	*next_ns = tier->first_ns[i];
	return true;
}

bool history_next(struct history *history, uint64_t time_ns, uint64_t *next_ns)
{
	bool found = false;
	uint64_t ns;
	int i;

	for (i = 0; i < NUM_TIERS; i++) {
		if (!next_in_tier(history, &history->tiers[i], time_ns, &ns))
			continue;
		if (!found || ns < *next_ns)
			*next_ns = ns;
		found = true;
	}
	return found;
}

/* Returns false behind the end. */
static bool walk_segment(const struct history *history, const struct segment *segment,
			 uint64_t start_ns, uint64_t end_ns, history_fn fn, void *arg)
{
	int fd = segment_open(history->dir_fd, segment, O_RDONLY);
	struct record_header header;
	uint64_t offset = 0;
	bool goes_on = true;

	while (goes_on && fd >= 0 && record_read_header(fd, offset, &header)) {
		if (header.time_ns >= start_ns)
			fn(segment->tier, fd, offset, &header, arg);
		goes_on = header.time_ns <= end_ns;
		offset = behind(offset, &header);
	}
	if (fd >= 0)
		close(fd);
	return goes_on;
}

void history_for_each(const struct history *history, uint64_t start_ns, uint64_t end_ns,
		      history_fn fn, void *arg)
{
	int i;

	for (i = 0; i < NUM_TIERS; i++) {
		const struct tier_reader *tier = &history->tiers[i];
		size_t at = find_segment(tier, start_ns);

		for (at = at == tier->num ? 0 : at; at < tier->num; at++)
			if (!walk_segment(history, &tier->segments[at], start_ns, end_ns, fn, arg))
				break;
	}
}
