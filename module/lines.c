// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#include "lines.h"

/**
 * l1t_line_time() - print "NAME NS", or "NAME -" if the time is not known
 * @line: buffer
 * @bytes: its size
 * @name: of the time
 * @ns: the time; 0: not known, or not yet
 */
void l1t_line_time(char *line, size_t bytes, const char *name, u64 ns)
{
	if (ns)
		snprintf(line, bytes, "%s %llu", name, ns);
	else
		snprintf(line, bytes, "%s -", name);
}

/**
 * l1t_lines_read() - read part of a text of lines of equal length
 * @buf: buffer
 * @pos: offset in the text
 * @count: bytes wanted
 * @line: buffer for one line
 * @bytes: length of a line, including its newline
 * @print: prints line @n as a string; returns false if there is no such line
 * @arg: passed to @print
 *
 * Return: bytes read; 0 at the end.
 */
ssize_t l1t_lines_read(char *buf, loff_t pos, size_t count, char *line, size_t bytes,
		       bool (*print)(char *line, unsigned int n, const void *arg),
		       const void *arg)
{
	size_t done = 0, at, part, len;

	while (done < count) {
		at = (size_t)(pos + done) % bytes;
		if (!print(line, (size_t)(pos + done) / bytes, arg))
			break;
		len = strlen(line);
		memset(line + len, ' ', bytes - len);
		line[bytes - 1] = '\n';
		part = min(count - done, bytes - at);
		memcpy(buf + done, line + at, part);
		done += part;
	}
	return done;
}
