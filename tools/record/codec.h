/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CODEC_H
#define L1TUNE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes values to a buffer, or reads them from it: the same calls do both, so
 * that reader and writer cannot differ. Each value is stored as its difference
 * from a base that both sides know; one that equals its base takes a zero byte.
 */
struct codec {
	bool is_decoding;
	/* Decoding: the input is not of this format; values are then their bases. */
	bool is_bad;
	/* Decoding: what the values take in memory. */
	uint64_t memory;
	unsigned char *buf;
	size_t len, capacity, at;
};

/* To write to; free the buffer with codec_free(). */
struct codec codec_writer(void);
/* To read from a buffer that stays the caller's. */
struct codec codec_reader(const void *buf, size_t len);
void codec_free(struct codec *codec);
/* Has a reader read everything, and nothing invalid? */
bool codec_is_complete(const struct codec *codec);

void codec_number(struct codec *codec, uint64_t *value, uint64_t base);
void codec_bool(struct codec *codec, bool *value, bool base);
/*
 * How many elements follow. Returns the array, or to a reader a new one, with all zero, for
 * elements of that size.
 */
void *codec_array(struct codec *codec, void *array, size_t *num, size_t base, size_t size);
/* A string or NULL; a reader makes a copy. The base may be NULL. */
void codec_string(struct codec *codec, char **s, const char *base);
/* The same in a fixed buffer, and never NULL. */
void codec_chars(struct codec *codec, char *s, size_t size, const char *base);

#endif
