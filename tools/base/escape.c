// SPDX-License-Identifier: GPL-2.0
#include <langinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/util.h"

#define UTF8_MOST_BYTES	4

static bool is_continuation(char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the UTF-8 character at s, or 0 if there is none. */
static size_t decode(const unsigned char *s, uint32_t *character)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len, i;
	uint32_t c;

	if (*s < 0x80) {
		*character = *s;
		return 1;
	}
	len = *s >= 0xf8 ? 0 : *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc0 ? 2 : 0;
	if (!len)
		return 0;
	c = *s & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if (!is_continuation(s[i]))
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*character = c;
	return len;
}

size_t utf8_head(const char *s, size_t most)
{
	size_t len = strnlen(s, most + 1), back;

	if (len <= most)
		return len;
	for (back = 0; back < UTF8_MOST_BYTES && back < most; back++)
		if (!is_continuation(s[most - back]))
			return most - back;
	return most;
}

const char *utf8_tail(const char *s, size_t most)
{
	size_t len = strlen(s), skipped;

	if (len <= most)
		return s;
	s += len - most;
	for (skipped = 0; skipped < UTF8_MOST_BYTES && skipped < most; skipped++)
		if (!is_continuation(s[skipped]))
			return s + skipped;
	return s;
}

/* Controls, and characters that have no width or change the order of others. */
static bool is_harmful(uint32_t c)
{
	static const struct { uint32_t first, last; } ranges[] = {
		{ 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad },
		{ 0x61c, 0x61c }, { 0x180e, 0x180e }, { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
		{ 0xfff0, 0xfffb }, { 0xe0000, 0xe0fff },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

static char *escape(const char *s, bool (*keep)(uint32_t character))
{
	char *out = xcalloc(strlen(s) * 4 + 1, 1), *end = out;
	uint32_t character;

	while (*s) {
		size_t len = decode((const unsigned char *)s, &character);
		bool kept = len && keep(character);

		for (len = len ? len : 1; len; len--, s++)
			if (kept)
				*end++ = *s;
			else
				end += sprintf(end, "\\x%02x", (unsigned char)*s);
	}
	return out;
}

static bool keep_harmless(uint32_t c)
{
	return !is_harmful(c);
}

static bool keep_ascii(uint32_t c)
{
	return c < 0x80 && !is_harmful(c);
}

static bool keep_all(uint32_t c)
{
	(void)c;
	return true;
}

char *escape_string(const char *s, bool ascii)
{
	return escape(s, ascii ? keep_ascii : keep_harmless);
}

char *escape_for_terminal(const char *s)
{
	return escape_string(s, strcmp(nl_langinfo(CODESET), "UTF-8") != 0);
}

char *escape_invalid_utf8(const char *s)
{
	return escape(s, keep_all);
}
