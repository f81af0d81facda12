/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SEGMENT_H
#define L1TUNE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/moment.h"

/*
 * A history is a directory of files, each a sequence of records: a header, then
 * a frame of zstd with a checksum, in which is one moment. A file is appended to
 * by the process that created it and never changed afterwards.
 *
 * The numbers are in the byte order of x86.
 */
struct record_header {
	char magic[4];
	uint32_t flags;
	/* CLOCK_REALTIME; the moment has it too, under the checksum. */
	uint64_t time_ns;
	uint32_t stored_bytes;
	uint32_t raw_bytes;
};

#define RECORD_MAGIC	"L1T\2"
/* It needs no record before it. */
#define RECORD_IS_KEY	1u
/* More than thousands of guests need: what says more is not a record. */
#define RECORD_MAX_BYTES	(256u << 20)

/*
 * The less often records of a tier are made, the further back it reaches in its
 * part of the size.
 */
enum tier { TIER_FINE, TIER_MINUTE, TIER_TEN_MINUTES, NUM_TIERS };

struct tier_kind {
	const char *prefix;
	/* No less than this is between its records. */
	uint64_t least_ns;
	/* Share of the history's size. */
	unsigned int percent;
};

extern const struct tier_kind tier_kinds[NUM_TIERS];

struct segment {
	enum tier tier;
	uint64_t number;
	uint64_t bytes;
};

/* Those of a directory by number, to free; -errno, or 0. */
int segments_list(int dir_fd, struct segment **segments, size_t *num);
int segment_open(int dir_fd, const struct segment *segment, int flags);
int segment_unlink(int dir_fd, const struct segment *segment);

/*
 * A moment as a record to write, header and all; NULL if it is too large or
 * there is no memory. before is NULL for a key.
 */
void *record_encode(const struct moment *moment, const struct moment *before,
		    size_t *bytes);

/* The header at an offset; false after the last complete record. */
bool record_read_header(int fd, uint64_t offset, struct record_header *header);

/* The events of a record and when it was taken, and nothing else of its moment. */
bool record_decode_events(int fd, uint64_t offset, const struct record_header *header,
			  struct moment *moment);

/* The moment of a record; false if it is damaged. before is NULL for a key. */
bool record_decode(int fd, uint64_t offset, const struct record_header *header,
		   const struct moment *before, struct moment *moment);

#endif
