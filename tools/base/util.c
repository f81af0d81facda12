// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static void *or_die(void *p)
{
	if (p)
		return p;
	complain("out of memory");
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

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&s, fmt, ap);
	va_end(ap);
	return or_die(len < 0 ? NULL : s);
}

static void (*complaint_sink)(const char *message);

void complain_to(void (*sink)(const char *message))
{
	complaint_sink = sink;
}

void complain(const char *fmt, ...)
{
	char message[512];
	va_list ap;

	if (complaint_sink) {
		va_start(ap, fmt);
		vsnprintf(message, sizeof(message), fmt, ap);
		va_end(ap);
		complaint_sink(message);
		return;
	}
	/* What was printed so far comes first when both go to one place. */
	fflush(stdout);
	fputs("l1tune: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
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
