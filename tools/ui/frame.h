/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FRAME_H
#define L1TUNE_FRAME_H

#include <stdbool.h>
#include <stddef.h>

/* What is written means; how that looks is the screen's business. */
enum frame_style {
	FRAME_NORMAL,
	FRAME_TITLE,
	FRAME_HEADING,
	FRAME_HEADING_SORTED,
	FRAME_DIM,
	FRAME_WARM,
	FRAME_HOT,
	FRAME_BAR,
	FRAME_KEY,
	FRAME_MESSAGE,
	NUM_FRAME_STYLES
};

struct frame_span {
	enum frame_style style;
	char *text;
};

struct frame_line {
	struct frame_span *spans;
	size_t num_spans;
	/* The line that the cursor is on. */
	bool is_chosen;
};

/* A picture of lines of text, for a screen or for a file. */
struct frame {
	struct frame_line *lines;
	size_t num_lines;
};

void frame_line(struct frame *frame);
/* To the last line; takes the string over. */
void frame_add(struct frame *frame, enum frame_style style, char *text);
/* Columns that the last line takes so far. */
size_t frame_width(const struct frame *frame);
void frame_free(struct frame *frame);

/* To stdout without styles, and without blanks at ends of lines. */
void frame_print(const struct frame *frame);

/* New strings of @width columns: a text at the left is cut, a number at the right is not. */
char *fit_left(const char *s, size_t width);
char *fit_right(const char *s, size_t width);

/*
 * A text that is too long loses its middle, for an ellipsis, to both ends of
 * which names differ; the second one does not fill a short one with blanks.
 */
char *fit_middle(const char *s, size_t width);
char *shorten_middle(const char *s, size_t width);
/* The same at the end of a sentence. */
char *shorten_end(const char *s, size_t width);

/* How many bytes of s fit into @width columns; *columns is how many they take. */
size_t fit_length(const char *s, size_t width, size_t *columns);

/* Are there characters beyond ASCII in this locale? */
bool frame_is_utf8(void);

/* A bar that fills a ratio of @width columns, in the locale's characters. */
char *draw_bar(double ratio, size_t width);

#endif
