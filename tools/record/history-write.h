/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HISTORY_WRITE_H
#define L1TUNE_HISTORY_WRITE_H

#include "record/segment.h"

/* A history of fixed size: its oldest records go when new ones need the room. */
struct history_writer {
	int dir_fd, lock_fd;
	struct tier_writer {
		/* The size limit and the size of all files, and the file that is written. */
		uint64_t most_bytes, total_bytes;
		struct segment segment;
		int fd;
		/* The last one that was written, for differences. */
		struct moment before;
		unsigned int since_key;
	} tiers[NUM_TIERS];
	uint64_t next_number;
};

/*
 * Creates the directory. 0, or -errno: -EWOULDBLOCK if another process writes to
 * it. Close in every case.
 */
int history_writer_open(struct history_writer *writer, const char *dir,
			uint64_t most_bytes);
void history_writer_close(struct history_writer *writer);

/*
 * Appends a record. 0 when it is on the disk: the moment is empty then, but for
 * its events, which stay the caller's. -errno otherwise, and what was written
 * before can be read as before.
 */
int history_write(struct history_writer *writer, enum tier tier,
		  struct moment *moment);

#endif
