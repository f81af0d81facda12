// SPDX-License-Identifier: GPL-2.0
#include <langinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/util.h"
#include "ui/frame.h"

void frame_line(struct frame *frame)
{
	*GROW(frame->lines, frame->num_lines) = (struct frame_line){ };
}

void frame_add(struct frame *frame, enum frame_style style, char *text)
{
	struct frame_line *line = &frame->lines[frame->num_lines - 1];

	*GROW(line->spans, line->num_spans) = (struct frame_span){ style, text };
}

size_t frame_width(const struct frame *frame)
{
	const struct frame_line *line = &frame->lines[frame->num_lines - 1];
	size_t width = 0, columns, i;

	for (i = 0; i < line->num_spans; i++) {
		fit_length(line->spans[i].text, SIZE_MAX, &columns);
		width += columns;
	}
	return width;
}

void frame_free(struct frame *frame)
{
	size_t i, j;

	for (i = 0; i < frame->num_lines; i++) {
		for (j = 0; j < frame->lines[i].num_spans; j++)
			free(frame->lines[i].spans[j].text);
		free(frame->lines[i].spans);
	}
	free(frame->lines);
	*frame = (struct frame){ };
}

void frame_print(const struct frame *frame)
{
	size_t i, j;

	for (i = 0; i < frame->num_lines; i++) {
		size_t blanks = 0;

		for (j = 0; j < frame->lines[i].num_spans; j++) {
			const char *c = frame->lines[i].spans[j].text;

			for (; *c; c++) {
				if (*c == ' ') {
					blanks++;
					continue;
				}
				printf("%*s%c", (int)blanks, "", *c);
				blanks = 0;
			}
		}
		putchar('\n');
	}
}

size_t fit_length(const char *s, size_t width, size_t *columns)
{
	mbstate_t state = { };
	size_t len = 0;

	*columns = 0;
	while (s[len]) {
		wchar_t wide;
		size_t n = mbrtowc(&wide, s + len, MB_CUR_MAX, &state);
		int w;

		/* Escaped for this locale before, so this does not happen. */
		if (n == (size_t)-1 || n == (size_t)-2)
			break;
		w = wcwidth(wide);
		/* One that this system does not know: terminals show a box. */
		if (w < 0)
			w = 1;
		if (*columns + w > width)
			break;
		*columns += w;
		len += n;
	}
	return len;
}

char *fit_left(const char *s, size_t width)
{
	size_t columns, len = fit_length(s, width, &columns);

	return xasprintf("%.*s%*s", (int)len, s, (int)(width - columns), "");
}

char *fit_right(const char *s, size_t width)
{
	size_t columns;

	fit_length(s, width, &columns);
	return xasprintf("%*s%s", (int)(width - columns), "", s);
}

bool frame_is_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* The longest suffix of s that fits into @width columns. */
static const char *last_columns(const char *s, size_t width)
{
	size_t left, columns, len;

	fit_length(s, SIZE_MAX, &left);
	while (left > width) {
		len = fit_length(s, 1, &columns);
		/* A wide character. */
		if (!columns)
			len = fit_length(s, 2, &columns);
		if (!len)
			break;
		s += len;
		left -= columns;
	}
	return s;
}

static const char *ellipsis(void)
{
	return frame_is_utf8() ? "\u2026" : "~";
}

char *shorten_middle(const char *s, size_t width)
{
	size_t columns, head, len = fit_length(s, width, &columns);

	if (!s[len] || width < 3)
		return xmemdup0(s, len);
	head = width / 2;
	len = fit_length(s, head, &columns);
	return xasprintf("%.*s%s%s", (int)len, s, ellipsis(),
			 last_columns(s, width - head - 1));
}

char *shorten_end(const char *s, size_t width)
{
	size_t columns, len = fit_length(s, width, &columns);

	if (!s[len] || width < 2)
		return xmemdup0(s, len);
	len = fit_length(s, width - 1, &columns);
	return xasprintf("%.*s%s", (int)len, s, ellipsis());
}

char *fit_middle(const char *s, size_t width)
{
	char *text = shorten_middle(s, width);
	char *filled = fit_left(text, width);

	free(text);
	return filled;
}

/* Eighths of a column where there are characters for them. */
char *draw_bar(double ratio, size_t width)
{
	static const char *const eighths[] = {
		"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a",
		"\u2589", "\u2588",
	};
	bool has_eighths = frame_is_utf8();
	unsigned int scale = has_eighths ? 8 : 1;
	size_t units, i;
	char *bar = xcalloc(width * 4 + 1, 1);

	if (!(ratio > 0))
		return bar;
	units = ratio < 1 ? ratio * width * scale + 0.5 : width * scale;
	for (i = 0; i < units / scale; i++)
		strcat(bar, has_eighths ? eighths[8] : "#");
	if (has_eighths)
		strcat(bar, eighths[units % 8]);
	return bar;
}
