/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TERMINAL_H
#define L1TUNE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/util.h"

/* Colours only for a terminal that has them, and not with NO_COLOR. */
bool terminal_has_colors(void);

/* Escape sequences for stdout, empty without colours. */
const char *terminal_bold(void);
const char *terminal_warning(void);
const char *terminal_alarm(void);
const char *terminal_normal(void);

/* The width of the terminal; 0 if stdout is not one. */
unsigned int terminal_columns(void);

/*
 * Prints a line, or part of one, in which strings of others may be: all of it
 * is escaped, but for a newline at the end of the format.
 */
__printf(1, 2) void terminal_print(const char *fmt, ...);

/*
 * Ends a line, of which INDENT columns are printed, with these words: in lines of WIDTH that
 * are all indented so, or in one line if there is no width, or too little. Escaped as above.
 */
void terminal_wrap(const char *words, unsigned int indent, unsigned int width);

/*
 * Ends a line in the same way with a text of the tool's own, such as help: in the lines that
 * it has, or wrapped if the terminal is too narrow for one of them.
 */
void terminal_print_text(const char *text, unsigned int indent);

/* A line of a list in --help; NAME_WIDTH includes the space after the longest name. */
void terminal_print_entry(const char *name, unsigned int name_width, const char *text);

/* Like terminal_print(), of one string, which it takes over. */
void print_and_free(const char *fmt, char *s);

/* On a terminal's stderr: "3 of 14: NAME", instead of what was there; NULL for nothing. */
void terminal_show_progress(const char *name, size_t done, size_t all);

/* Whether what was printed so far has arrived: STATUS_OK or STATUS_FAILED. */
int terminal_flush(void);
/* The same at the end, when nothing is printed any more; reports a failure. */
int terminal_close(void);

#endif
