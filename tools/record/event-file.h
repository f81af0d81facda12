/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EVENT_FILE_H
#define L1TUNE_EVENT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "record/record.h"

/* More than a page, which is what an attribute has at most. */
#define EVENT_FILE_MAX_SIZE	8192

/* l1/events, which keeps the last events and is read as it changes. */
struct event_file {
	/* -1 if it cannot be read. */
	int fd;
	/* Sequence number of the last event that was taken. */
	uint64_t seq;
	char *rest;
	char buf[EVENT_FILE_MAX_SIZE];
};

/* 0, or -errno. Closed or not, it may be closed and read. */
int event_file_open(struct event_file *file, const struct env *env);
void event_file_close(struct event_file *file);

/* Reads what there is now: 0, or -errno, and the file is closed then. */
int event_file_read(struct event_file *file);

/*
 * The next event that was read and not taken yet, with the number of events lost
 * before it; false if there is none.
 */
bool event_file_take(struct event_file *file, struct record *record,
		     uint64_t *num_lost);

/* Takes all that there are. */
void event_file_skip(struct event_file *file);

#endif
