/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TOP_VIEW_H
#define L1TUNE_TOP_VIEW_H

#include "ui/frame.h"
#include "ui/top-model.h"

/* What the last line shows besides the keys. */
struct top_status {
	/* What is being typed after "/", NULL when nothing is. */
	const char *prompt;
	/* An error message, or NULL. */
	const char *message;
	bool is_paused;
	/* Records are shown: no time passes but by keys. */
	bool is_past;
};

/*
 * Draws the model. A height of 0 is as high as there are lines, and the keys
 * are left out; status may then be NULL.
 */
void top_draw(const struct top_model *model, const struct top_choice *choice,
	      const struct top_status *status, size_t width, size_t height,
	      struct frame *frame);

/* The last line: keys, typed text, or an error message. */
void top_draw_keys(const struct top_status *status, struct frame *frame);

/* The keys, explained. */
void top_draw_help(struct frame *frame);

#endif
