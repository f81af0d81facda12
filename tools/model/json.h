/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_JSON_H
#define L1TUNE_JSON_H

#include <jansson.h>

#include "model/snapshot.h"

/* Raised when a key changes its meaning or goes; new keys do not count. */
#define JSON_SCHEMA	2

enum {
	JSON_REASONS = 1 << 0,
	/* "sum" beside "l2": all guests as one. */
	JSON_SUM = 1 << 1,
};

/*
 * Prints the one document there is: what it is about, "l1", and "l2" with the
 * guests. Without a snapshot "l2" is null.
 */
int json_print(const struct host *host, const struct snapshot *snapshot,
	       unsigned int contents);

/* The same without printing it, to add to. */
json_t *json_snapshot(const struct host *host, const struct snapshot *snapshot,
		      unsigned int contents);

/* The counts of a sum of guests. */
json_t *json_sum(const struct guest_snapshot *sum, unsigned int contents);

/* Its guests alone, as "l2" has them. */
json_t *json_guests(const struct snapshot *snapshot, unsigned int contents);

/* The pieces that other documents are made of; json_set() takes the value over. */
void json_set(json_t *object, const char *key, json_t *value);
json_t *json_number(uint64_t value);
json_t *json_number_or_null(bool known, uint64_t value);
json_t *json_text(const char *s);
json_t *json_cell(const struct exit_cell *cell);
/* In UTC, with nanoseconds. */
json_t *json_time(const struct timespec *time);
/*
 * The keys that every document begins with. time is NULL for now, interval_ns 0
 * where there is no interval; without a module host has an empty version.
 */
json_t *json_document(const struct host *host, const struct timespec *time,
		      uint64_t interval_ns);
/* A document of now with one more key; takes the value over. */
int json_print_value(const struct host *host, const char *key, json_t *value);
/* A document of a file; NULL after a message. */
json_t *json_read(const char *path);
/* On one line; takes the document over. */
int json_write(json_t *json);

#endif
