/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ESCAPE_H
#define L1TUNE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A copy in which every byte that could do harm on a terminal is \xHH: control
 * characters, what is not UTF-8, and characters that reorder or hide text.
 * With ascii everything beyond it as well.
 */
char *escape_string(const char *s, bool ascii);

/* The same for this terminal's character set. */
char *escape_for_terminal(const char *s);

/* A copy that is valid UTF-8: bytes that are not become \xHH. */
char *escape_invalid_utf8(const char *s);

/* The length of the longest beginning of at most so many bytes that ends between characters. */
size_t utf8_head(const char *s, size_t most);

/* The longest end of at most so many bytes that begins between characters. */
const char *utf8_tail(const char *s, size_t most);

#endif
