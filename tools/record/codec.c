// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "record/codec.h"

#define VARINT_MAX_BYTES	10
/* The most memory of a decoded record; ten thousand guests with a hundred reasons need less. */
#define MEMORY_MOST	(1ull << 30)

/* The number before a string; from LENGTH on it is LENGTH plus the string's length. */
enum { SAME, MISSING, LENGTH };

struct codec codec_writer(void)
{
	return (struct codec){ };
}

struct codec codec_reader(const void *buf, size_t len)
{
	return (struct codec){
		.is_decoding = true, .buf = (unsigned char *)buf, .len = len,
	};
}

void codec_free(struct codec *codec)
{
	if (!codec->is_decoding)
		free(codec->buf);
	*codec = (struct codec){ };
}

bool codec_is_complete(const struct codec *codec)
{
	return !codec->is_bad && codec->at == codec->len;
}

static void enlarge(struct codec *codec, size_t bytes)
{
	codec->capacity = 2 * codec->capacity + bytes;
	codec->buf = xreallocarray(codec->buf, codec->capacity, 1);
}

static inline unsigned char *make_room(struct codec *codec, size_t bytes)
{
	if (codec->len + bytes > codec->capacity)
		enlarge(codec, bytes);
	return codec->buf + codec->len;
}

/* Seven bits a byte, the lowest first; all but the last have the highest bit. */
static inline void write_varint(struct codec *codec, uint64_t value)
{
	unsigned char *p = make_room(codec, VARINT_MAX_BYTES);

	for (; value > 0x7f; value >>= 7)
		*p++ = value | 0x80;
	*p++ = value;
	codec->len = p - codec->buf;
}

static uint64_t read_varint(struct codec *codec)
{
	uint64_t value = 0;
	unsigned int shift;

	for (shift = 0; codec->at < codec->len && shift < 64; shift += 7) {
		unsigned char byte = codec->buf[codec->at++];

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	codec->is_bad = true;
	codec->at = codec->len;
	return 0;
}

/* Small differences of both signs become small numbers. */
static uint64_t zigzag(uint64_t difference)
{
	return difference << 1 ^ -(difference >> 63);
}

static uint64_t unzigzag(uint64_t value)
{
	return value >> 1 ^ -(value & 1);
}

void codec_number(struct codec *codec, uint64_t *value, uint64_t base)
{
	if (codec->is_decoding)
		*value = base + unzigzag(read_varint(codec));
	else
		write_varint(codec, zigzag(*value - base));
}

void codec_bool(struct codec *codec, bool *value, bool base)
{
	uint64_t number = *value;

	codec_number(codec, &number, base);
	*value = number;
}

/* A few bytes can decode to a lot of unchanged data, and files may be from anybody. */
static bool may_take(struct codec *codec, uint64_t num, size_t size)
{
	if (num > (MEMORY_MOST - codec->memory) / size) {
		codec->is_bad = true;
		return false;
	}
	codec->memory += num * size;
	return true;
}

void *codec_array(struct codec *codec, void *array, size_t *num, size_t base, size_t size)
{
	uint64_t number = *num;

	codec_number(codec, &number, base);
	if (!codec->is_decoding)
		return array;
	if (!may_take(codec, number, size))
		number = 0;
	*num = number;
	return xcalloc(number, size);
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void write_string(struct codec *codec, const char *s, const char *base)
{
	size_t len;

	if (is_same(s, base)) {
		write_varint(codec, SAME);
	} else if (!s) {
		write_varint(codec, MISSING);
	} else {
		len = strlen(s);
		write_varint(codec, LENGTH + len);
		memcpy(make_room(codec, len), s, len);
		codec->len += len;
	}
}

static char *read_string(struct codec *codec, const char *base)
{
	uint64_t len = read_varint(codec);
	char *s;

	if (len == SAME)
		return base && may_take(codec, strlen(base) + 1, 1) ? xstrdup(base) : NULL;
	if (len == MISSING)
		return NULL;
	len -= LENGTH;
	if (len > codec->len - codec->at) {
		codec->is_bad = true;
		return NULL;
	}
	s = xmemdup0((const char *)codec->buf + codec->at, len);
	codec->at += len;
	return s;
}

void codec_string(struct codec *codec, char **s, const char *base)
{
	if (codec->is_decoding)
		*s = read_string(codec, base);
	else
		write_string(codec, *s, base);
}

void codec_chars(struct codec *codec, char *s, size_t size, const char *base)
{
	char *copy;

	if (!codec->is_decoding) {
		write_string(codec, s, base);
		return;
	}
	copy = read_string(codec, base);
	codec->is_bad |= copy && strlen(copy) >= size;
	snprintf(s, size, "%s", copy ? copy : "");
	free(copy);
}
