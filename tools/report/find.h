/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FIND_H
#define L1TUNE_FIND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What a report's documents say. A value that is missing, null or of another
 * type is unknown: "", 0, NULL, and has_number() is false.
 */
const char *text_of(const json_t *object, const char *key);
bool has_number(const json_t *object, const char *key);
double number_of(const json_t *object, const char *key);
uint64_t count_of(const json_t *object, const char *key);
bool is_true(const json_t *object, const char *key);
const json_t *array_of(const json_t *object, const char *key);

/* How much of a CPU the time of a key was, in an object's own interval_ns. */
double cpus_of(const json_t *object, const char *key);

/* "12.0us" of a time in ns, "-" if it is unknown: a copy. */
char *time_text(const json_t *object, const char *key);

#endif
