/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CANARY_LOG_H
#define L1TUNE_CANARY_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "bench/canary.h"

/* In the directory of the history. */
#define CANARY_LOG_NAME	"canary"

/*
 * The samples of a canary: a file of fixed size, in which the newest takes the place
 * of the oldest. Each has a checksum, so one that was not written whole is left out
 * and spoils no other.
 */
struct canary_log {
	int fd;
	uint64_t capacity;
	uint64_t next_seq;
};

/* Samples that were read, by time. */
struct canary_samples {
	struct canary_sample *v;
	size_t num;
};

/*
 * To write to, by one process, which holds the history's lock; samples that are in
 * it stay, of which the newest if it becomes smaller. 0, or -errno. Close in every case.
 */
int canary_log_open(struct canary_log *log, int dir_fd, uint64_t bytes);
void canary_log_close(struct canary_log *log);
int canary_log_add(struct canary_log *log, const struct canary_sample *sample);

/* All that there are; it may be written meanwhile. 0, or -errno; free in every case. */
int canary_log_read(int dir_fd, struct canary_samples *samples);
void canary_samples_free(struct canary_samples *samples);

#endif
