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
	free(tier->places);
	tier->places = NULL;
	tier->num_places = 0;
	moment_free(&tier->moment);
	tier->has_moment = false;
	tier->next = 0;
}

static uint64_t behind(uint64_t offset, const struct record_header *header)
{
	return offset + sizeof(*header) + header->stored_bytes;
}

static void measure(const struct history *history, struct tier_reader *tier, size_t i)
{
	int fd = segment_open(history->dir_fd, &tier->segments[i], O_RDONLY);
	struct record_header header;
	uint64_t offset = 0;

	while (fd >= 0 && record_read_header(fd, offset, &header)) {
		if (header.time_ns < tier->first_ns[i])
			tier->first_ns[i] = header.time_ns;
		if (header.time_ns > tier->last_ns[i])
			tier->last_ns[i] = header.time_ns;
		offset = behind(offset, &header);
	}
	if (fd >= 0)
		close(fd);
}

/* The time of the last record of a file that is complete. */
static uint64_t last_in(const struct history *history, struct tier_reader *tier, size_t i)
{
	if (!tier->last_ns[i])
		measure(history, tier, i);
	return tier->last_ns[i];
}

/* A file without a whole record, and one that was removed meanwhile, is passed over. */
static void add_segment(struct history *history, const struct segment *segment)
{
	struct tier_reader *tier = &history->tiers[segment->tier];
	struct record_header header;
	int fd = segment_open(history->dir_fd, segment, O_RDONLY);
	size_t num = tier->num, same = num;

	if (fd < 0)
		return;
	if (record_read_header(fd, 0, &header)) {
		*GROW(tier->first_ns, num) = header.time_ns;
		*GROW(tier->last_ns, same) = 0;
		*GROW(tier->segments, tier->num) = *segment;
	}
	close(fd);
}

/* The clock may have been set back in a file that the next one begins before. */
static void look_for_earlier(struct history *history, struct tier_reader *tier)
{
	size_t i;

	for (i = tier->num; i-- > 0;) {
		bool is_last = i + 1 == tier->num;

		if (!is_last && tier->first_ns[i + 1] >= tier->first_ns[i])
			continue;
		tier->is_set_back |= !is_last;
		measure(history, tier, i);
	}
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
	for (i = 0; i < NUM_TIERS; i++)
		look_for_earlier(history, &history->tiers[i]);
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
		free(history->tiers[i].last_ns);
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

/* What is written to it meanwhile is added. */
static void find_places(struct tier_reader *tier)
{
	struct place place = { };

	if (tier->num_places) {
		place = tier->places[tier->num_places - 1];
		place.offset = behind(place.offset, &place.header);
	}
	while (record_read_header(tier->fd, place.offset, &place.header)) {
		*GROW(tier->places, tier->num_places) = place;
		place.offset = behind(place.offset, &place.header);
	}
}

static bool enter_segment(const struct history *history, struct tier_reader *tier,
			  size_t i)
{
	if (tier->fd < 0 || tier->at != i) {
		close_segment(tier);
		tier->at = i;
		tier->fd = segment_open(history->dir_fd, &tier->segments[i], O_RDONLY);
	}
	if (tier->fd >= 0)
		find_places(tier);
	return tier->fd >= 0;
}

/* The latest record until that time, the last of equal ones; num_places if there is none. */
static size_t find_place(const struct tier_reader *tier, uint64_t time_ns)
{
	size_t found = tier->num_places, i;

	for (i = 0; i < tier->num_places; i++) {
		uint64_t at_ns = tier->places[i].header.time_ns;

		if (at_ns <= time_ns && (found == tier->num_places ||
					 at_ns >= tier->places[found].header.time_ns))
			found = i;
	}
	return found;
}

/* Where to start decoding to get to a record: after the last one read, or at a key. */
static size_t start_of(const struct tier_reader *tier, size_t last)
{
	size_t least = tier->has_moment ? tier->next : 0, i;

	for (i = last; i > least; i--)
		if (tier->places[i].header.flags & RECORD_IS_KEY)
			break;
	return i < least ? least : i;
}

/* Skips damaged records and those that depend on them. */
static void decode_until(struct tier_reader *tier, size_t last)
{
	size_t i = start_of(tier, last);
	bool is_next = tier->has_moment && i == tier->next;
	struct moment moment;

	for (; i <= last; i++) {
		const struct place *place = &tier->places[i];
		bool is_good = record_decode(tier->fd, place->offset, &place->header,
					     is_next ? &tier->moment : NULL, &moment);

		is_next = is_good;
		if (!is_good)
			continue;
		moment_free(&tier->moment);
		tier->moment = moment;
		tier->has_moment = true;
		tier->next = i + 1;
	}
}

/* The last moment until then that a file has. */
static const struct moment *seek_segment(const struct history *history,
					 struct tier_reader *tier, size_t i, uint64_t time_ns)
{
	size_t last;

	if (!enter_segment(history, tier, i))
		return NULL;
	last = find_place(tier, time_ns);
	if (last == tier->num_places)
		return NULL;
	if (tier->has_moment && tier->next > last + 1) {
		moment_free(&tier->moment);
		tier->has_moment = false;
	}
	decode_until(tier, last);
	/* What is damaged may have left one that was made before the clock was set back. */
	return tier->has_moment && moment_time_ns(&tier->moment) <= time_ns ?
	       &tier->moment : NULL;
}

#define NONE	UINT64_MAX

static uint64_t earlier_after(uint64_t time_ns, uint64_t a_ns, uint64_t b_ns)
{
	return a_ns > time_ns && a_ns < b_ns ? a_ns : b_ns;
}

/* The earliest time after another that a file has. */
static uint64_t next_in_segment(const struct history *history, const struct segment *segment,
				uint64_t time_ns)
{
	int fd = segment_open(history->dir_fd, segment, O_RDONLY);
	uint64_t offset = 0, next_ns = NONE;
	struct record_header header;

	while (fd >= 0 && record_read_header(fd, offset, &header)) {
		next_ns = earlier_after(time_ns, header.time_ns, next_ns);
		offset = behind(offset, &header);
	}
	if (fd >= 0)
		close(fd);
	return next_ns;
}

/* May a file go on past a time though a later one, at, begins before it? */
static bool may_go_past(const struct tier_reader *tier, size_t i, size_t at)
{
	return i < at && at < tier->num && (tier->is_set_back || i + 1 == at);
}

/*
 * An earlier file with a moment nearer to time_ns than @moment; @at if there is none.
 * If @moment is not near, all earlier files are looked at.
 */
static size_t find_nearer(const struct history *history, struct tier_reader *tier, size_t at,
			  const struct moment *moment, uint64_t time_ns)
{
	uint64_t after_ns = moment ? moment_time_ns(moment) : 0;
	bool is_near = moment && time_ns - after_ns <= 2 * moment->interval_ns;
	size_t i;

	for (i = at; i-- > 0;) {
		if ((is_near && !may_go_past(tier, i, at)) || tier->first_ns[i] > time_ns ||
		    last_in(history, tier, i) <= after_ns)
			continue;
		if (tier->first_ns[i] > after_ns || last_in(history, tier, i) <= time_ns)
			return i;
		if (next_in_segment(history, &tier->segments[i], after_ns) <= time_ns)
			return i;
	}
	return at;
}

static const struct moment *seek_tier(const struct history *history,
				      struct tier_reader *tier, uint64_t time_ns)
{
	size_t at = find_segment(tier, time_ns), nearer;
	const struct moment *moment, *other;

	if (at == tier->num)
		return NULL;
	moment = seek_segment(history, tier, at, time_ns);
	nearer = find_nearer(history, tier, at, moment, time_ns);
	if (nearer == at)
		return moment;
	other = seek_segment(history, tier, nearer, time_ns);
	return other ? other : seek_segment(history, tier, at, time_ns);
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

const struct moment *history_last(struct history *history, enum tier number)
{
	struct tier_reader *tier = &history->tiers[number];
	size_t i;

	for (i = tier->num; i-- > 0;) {
		if (enter_segment(history, tier, i) && tier->num_places)
			decode_until(tier, tier->num_places - 1);
		if (tier->has_moment)
			return &tier->moment;
	}
	return NULL;
}

/* The same of the file that is open, of which the moment stays. */
static uint64_t next_in_places(struct tier_reader *tier, uint64_t time_ns)
{
	uint64_t next_ns = NONE;
	size_t i;

	find_places(tier);
	for (i = 0; i < tier->num_places; i++)
		next_ns = earlier_after(time_ns, tier->places[i].header.time_ns, next_ns);
	return next_ns;
}

static uint64_t next_in_file(const struct history *history, struct tier_reader *tier,
			     size_t i, size_t at, uint64_t time_ns)
{
	if (tier->first_ns[i] > time_ns)
		return tier->first_ns[i];
	if (i != at && (!may_go_past(tier, i, at) || last_in(history, tier, i) <= time_ns))
		return NONE;
	return tier->fd >= 0 && tier->at == i ? next_in_places(tier, time_ns) :
	       next_in_segment(history, &tier->segments[i], time_ns);
}

bool history_next(struct history *history, uint64_t time_ns, uint64_t *next_ns)
{
	uint64_t ns = NONE;
	int t;

	for (t = 0; t < NUM_TIERS; t++) {
		struct tier_reader *tier = &history->tiers[t];
		size_t at = find_segment(tier, time_ns), i;

		for (i = 0; i < tier->num; i++)
			ns = earlier_after(time_ns, next_in_file(history, tier, i, at, time_ns), ns);
	}
	if (ns == NONE)
		return false;
	*next_ns = ns;
	return true;
}

struct walk {
	uint64_t start_ns, end_ns;
	history_fn fn;
	void *arg;
	/* The next record has what happened since one that was made before the end. */
	bool is_wanted;
};

static void walk_segment(const struct history *history, const struct segment *segment,
			 struct walk *walk)
{
	int fd = segment_open(history->dir_fd, segment, O_RDONLY);
	struct record_header header;
	uint64_t offset = 0;

	while (fd >= 0 && record_read_header(fd, offset, &header)) {
		bool is_before_end = header.time_ns <= walk->end_ns;

		if (header.time_ns >= walk->start_ns && (is_before_end || walk->is_wanted))
			walk->fn(segment->tier, fd, offset, &header, walk->arg);
		walk->is_wanted = is_before_end;
		offset = behind(offset, &header);
	}
	if (fd >= 0)
		close(fd);
}

void history_for_each(struct history *history, uint64_t start_ns, uint64_t end_ns,
		      history_fn fn, void *arg)
{
	int t;

	for (t = 0; t < NUM_TIERS; t++) {
		struct tier_reader *tier = &history->tiers[t];
		struct walk walk = { start_ns, end_ns, fn, arg, true };
		size_t at = find_segment(tier, start_ns), i;

		for (i = 0; i < tier->num; i++) {
			if (i < at && at < tier->num && !(may_go_past(tier, i, at) &&
							  last_in(history, tier, i) >= start_ns))
				continue;
			if (walk.is_wanted || tier->first_ns[i] <= end_ns)
				walk_segment(history, &tier->segments[i], &walk);
		}
	}
}
