/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SCREEN_H
#define L1TUNE_SCREEN_H

#include "ui/frame.h"

/* What is not a character; those are themselves. */
enum screen_key {
	KEY_IS_NONE = -1,
	KEY_IS_UP = 0x100,
	KEY_IS_DOWN,
	KEY_IS_LEFT,
	KEY_IS_RIGHT,
	KEY_IS_ERASE,
	KEY_IS_ENTER,
	KEY_IS_ESCAPE,
	/* The screen has another size. */
	KEY_IS_RESIZE,
	KEY_IS_OTHER,
};

/* It cannot place its cursor: TERM is dumb, or not set. */
bool screen_is_dumb(void);

/*
 * Takes the terminal over until screen_close(), also when the process exits
 * by itself. STATUS_OK, or STATUS_FAILED after a message.
 */
int screen_open(void);
void screen_close(void);

size_t screen_width(void);
size_t screen_height(void);
void screen_show(const struct frame *frame);

/* The next key that was pressed, without waiting for one. */
int screen_key(void);

#endif
