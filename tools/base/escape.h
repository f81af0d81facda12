/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ESCAPE_H
#define L1TUNE_ESCAPE_H

#include <stdbool.h>

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

#endif
