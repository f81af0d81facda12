// SPDX-License-Identifier: GPL-2.0
/* The one file that knows ncurses. */
#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/terminal.h"
#include "base/util.h"
#include "ui/screen.h"

#define ESCAPE		0x1b
#define DELETE		0x7f

/* Escape is the key itself if no more input follows within this time, in ms. */
#define ESCAPE_DELAY	25

enum { PAIR_WARM = 1, PAIR_HOT, PAIR_BAR, PAIR_KEY };

static SCREEN *screen;
static attr_t styles[NUM_FRAME_STYLES];

static void start_styles(void)
{
	bool colors = terminal_has_colors() && has_colors();

	styles[FRAME_TITLE] = A_BOLD;
	styles[FRAME_HEADING] = A_REVERSE;
	styles[FRAME_HEADING_SORTED] = A_REVERSE | A_BOLD | A_UNDERLINE;
	styles[FRAME_DIM] = A_DIM;
	styles[FRAME_WARM] = styles[FRAME_BAR] = A_NORMAL;
	styles[FRAME_HOT] = styles[FRAME_KEY] = A_BOLD;
	styles[FRAME_MESSAGE] = A_BOLD;
	if (!colors)
		return;
	start_color();
	use_default_colors();
	init_pair(PAIR_WARM, COLOR_YELLOW, -1);
	init_pair(PAIR_HOT, COLOR_RED, -1);
	init_pair(PAIR_BAR, COLOR_GREEN, -1);
	init_pair(PAIR_KEY, COLOR_CYAN, -1);
	styles[FRAME_WARM] |= COLOR_PAIR(PAIR_WARM);
	styles[FRAME_HOT] |= COLOR_PAIR(PAIR_HOT);
	styles[FRAME_BAR] |= COLOR_PAIR(PAIR_BAR);
	styles[FRAME_KEY] |= COLOR_PAIR(PAIR_KEY);
	styles[FRAME_MESSAGE] |= COLOR_PAIR(PAIR_WARM);
}

bool screen_is_dumb(void)
{
	const char *term = getenv("TERM");

	return !term || !*term || !strcmp(term, "dumb");
}

int screen_open(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		complain("top needs a terminal: use --once, or stat -i");
		return STATUS_FAILED;
	}
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		complain("terminal type '%s' is not supported: use --once, or stat -i",
			 getenv("TERM") ? getenv("TERM") : "");
		return STATUS_FAILED;
	}
	atexit(screen_close);
	set_escdelay(ESCAPE_DELAY);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	start_styles();
	return STATUS_OK;
}

void screen_close(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

size_t screen_width(void)
{
	return COLS;
}

size_t screen_height(void)
{
	return LINES;
}

static void show_line(const struct frame_line *line, int y)
{
	attr_t chosen = line->is_chosen ? A_REVERSE : A_NORMAL;
	size_t left = COLS, i;

	move(y, 0);
	/* What does not fit is cut: ncurses would put it on the next line. */
	for (i = 0; i < line->num_spans && left; i++) {
		const struct frame_span *span = &line->spans[i];
		size_t columns, len = fit_length(span->text, left, &columns);

		attrset(styles[span->style] | chosen);
		addnstr(span->text, len);
		left -= columns;
	}
}

void screen_show(const struct frame *frame)
{
	size_t y;

	erase();
	for (y = 0; y < frame->num_lines && (int)y < LINES; y++)
		show_line(&frame->lines[y], y);
	attrset(A_NORMAL);
	refresh();
}

int screen_key(void)
{
	int key = getch();

	switch (key) {
	case ERR:
		return KEY_IS_NONE;
	case KEY_RESIZE:
		return KEY_IS_RESIZE;
	case KEY_UP:
		return KEY_IS_UP;
	case KEY_DOWN:
		return KEY_IS_DOWN;
	case KEY_LEFT:
		return KEY_IS_LEFT;
	case KEY_RIGHT:
		return KEY_IS_RIGHT;
	case KEY_BACKSPACE:
	case DELETE:
	case '\b':
		return KEY_IS_ERASE;
	case KEY_ENTER:
	case '\r':
	case '\n':
		return KEY_IS_ENTER;
	case ESCAPE:
		return KEY_IS_ESCAPE;
	default:
		return key >= ' ' && key < 0x100 ? key : KEY_IS_OTHER;
	}
}
