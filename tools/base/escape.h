/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ESCAPE_H
#define L1TUNE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A copy in which every byte that could do harm on a terminal is \xHH: control
 * characters, invalid UTF-8, and characters that reorder or hide text. With
 * ascii, all bytes beyond ASCII as well.
 */
char *escape_string(const char *s, bool ascii);

/* The same for this terminal's character set. */
char *escape_for_terminal(const char *s);

/* A copy that is valid UTF-8: bytes that are not become \xHH. */
char *escape_invalid_utf8(const char *s);

/* The length of the longest prefix of at most @most bytes that does not cut a character. */
size_t utf8_head(const char *s, size_t most);

/* The longest suffix of at most @most bytes that does not cut a character. */
const char *utf8_tail(const char *s, size_t most);

#endif
