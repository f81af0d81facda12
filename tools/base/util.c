// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static void *or_die(void *p)
{
	if (p)
		return p;
	fputs("l1tune: out of memory\n", stderr);
	exit(STATUS_FAILED);
}

void *xcalloc(size_t n, size_t size)
{
	return or_die(calloc(n ? n : 1, size));
}

void *xmallocarray(size_t n, size_t size)
{
	return or_die(reallocarray(NULL, n ? n : 1, size));
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	return or_die(reallocarray(p, n, size));
}

void *xtsearch(const void *key, void **root, int (*compare)(const void *, const void *))
{
	return or_die(tsearch(key, root, compare));
}

char *xstrdup(const char *s)
{
	return or_die(strdup(s));
}

char *xmemdup0(const char *s, size_t len)
{
	char *copy = xcalloc(len + 1, 1);

	memcpy(copy, s, len);
	return copy;
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *s;

	return or_die(vasprintf(&s, fmt, ap) < 0 ? NULL : s);
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

void append(char **s, const char *fmt, ...)
{
	char *piece, *longer;
	va_list ap;

	va_start(ap, fmt);
	piece = xvasprintf(fmt, ap);
	va_end(ap);
	longer = xasprintf("%s%s", *s, piece);
	free(piece);
	free(*s);
	*s = longer;
}

bool begins_with(const char *s, const char *start)
{
	return !strncmp(s, start, strlen(start));
}

bool has_string(char *const *v, size_t num, const char *s)
{
	size_t i;

	for (i = 0; i < num; i++)
		if (!strcmp(v[i], s))
			return true;
	return false;
}

int parse_u64(const char *s, uint64_t *value)
{
	unsigned long long v;
	size_t digits = strspn(s, "0123456789");

	if (!digits || s[digits] || (digits > 1 && *s == '0'))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, NULL, 10);
	if (errno)
		return -errno;
	*value = v;
	return 0;
}
