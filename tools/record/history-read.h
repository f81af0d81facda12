/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HISTORY_READ_H
#define L1TUNE_HISTORY_READ_H

#include "record/segment.h"

/* Where a record of the file that is open is. */
struct place {
	uint64_t offset;
	struct record_header header;
};

/*
 * The files of one tier, and the record that was read last. Where the clock was set
 * back, a file begins before the one that precedes it; older versions went on in the
 * same file.
 */
struct tier_reader {
	struct segment *segments;
	/* Of each the times of its earliest record, and of its latest, 0 until it is asked for. */
	uint64_t *first_ns, *last_ns;
	size_t num;
	/* There are files that begin before the one that precedes them. */
	bool is_set_back;
	size_t at;
	int fd;
	/* All that it has so far, and the one after the moment. */
	struct place *places;
	size_t num_places;
	size_t next;
	struct moment moment;
	bool has_moment;
};

struct history {
	int dir_fd;
	struct tier_reader tiers[NUM_TIERS];
};

/* 0, or -errno. It may be written meanwhile. Close in every case. */
int history_open(struct history *history, const char *dir);
void history_close(struct history *history);

/*
 * The last moment that was recorded until then (CLOCK_REALTIME), valid until the
 * next call; NULL if there is none.
 */
const struct moment *history_seek(struct history *history, uint64_t time_ns);

/* The moment of a tier that was written last, whatever its time; as above. */
const struct moment *history_last(struct history *history, enum tier tier);

typedef void (*history_fn)(enum tier tier, int fd, uint64_t offset,
			   const struct record_header *header, void *arg);

/*
 * Each record of each tier that was made from a time on until another, and the
 * first one of each tier after that, which has what happened before it.
 */
void history_for_each(struct history *history, uint64_t start_ns, uint64_t end_ns,
		      history_fn fn, void *arg);

/* When the first one after a time was recorded; false if there is none. */
bool history_next(struct history *history, uint64_t time_ns, uint64_t *next_ns);

#endif
