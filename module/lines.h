/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Texts whose lines all have the same length: the offset tells the line, so that a
 * read generates only the lines that it asks for.
 */
#ifndef L1TUNE_LINES_H
#define L1TUNE_LINES_H

#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/types.h>

/* Copy the part of @item, which is at offset @at, that is within @count bytes from @pos. */
static inline void l1t_put(char *buf, loff_t pos, size_t count, loff_t at,
			   const void *item, size_t len)
{
	loff_t from = max(pos, at), to = min_t(loff_t, pos + count, at + len);

	if (from < to)
		memcpy(buf + (from - pos), item + (from - at), to - from);
}

void l1t_line_time(char *line, size_t bytes, const char *name, u64 ns);
ssize_t l1t_lines_read(char *buf, loff_t pos, size_t count, char *line, size_t bytes,
		       bool (*print)(char *line, unsigned int n, const void *arg),
		       const void *arg);

#endif
