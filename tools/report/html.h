/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HTML_H
#define L1TUNE_HTML_H

#include <stdio.h>

#include "base/util.h"

/*
 * Text for a page: characters that are special in HTML, or could hide or reorder
 * other text, are escaped. Only constant strings are written without escaping.
 */
void html_text(FILE *page, const char *text);
__printf(2, 3) void html_print(FILE *page, const char *fmt, ...);
/* The same of a string that it frees. */
void html_free(FILE *page, char *text);

/* A name cut to the room there is, with an ellipsis: a copy. */
char *short_text(const char *text);

/* The smallest round number that is not below, for the end of an axis. */
double round_up(double value);

/* "0.25", "12": as few digits as a scale needs; a copy. */
char *scale_text(double value);

/* "03:12:30" of CLOCK_REALTIME in local time, a copy. */
char *clock_text(uint64_t ns);
char *date_text(uint64_t ns);

#endif
