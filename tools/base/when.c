// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "base/when.h"

#define NSEC_DIGITS	9

/* "-90m" */
static int parse_ago(const char *text, uint64_t now_ns, uint64_t *ns)
{
	static const struct {
		char unit;
		unsigned int seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	size_t digits = strspn(text, "0123456789"), i;
	char *number = xmemdup0(text, digits);
	int err = parse_u64(number, ns);

	free(number);
	for (i = 0; i < ARRAY_SIZE(units) && !err; i++) {
		if (text[digits] != units[i].unit || text[digits + 1])
			continue;
		if (*ns > now_ns / NSEC_PER_SEC / units[i].seconds)
			return -EINVAL;
		*ns = now_ns - *ns * units[i].seconds * NSEC_PER_SEC;
		return 0;
	}
	return -EINVAL;
}

/* ".25" of a second; moves *text past it. */
static uint64_t take_fraction(const char **text)
{
	uint64_t ns = 0;
	int i;

	if (**text != '.')
		return 0;
	++*text;
	for (i = 0; i < NSEC_DIGITS; i++)
		ns = 10 * ns + (isdigit((unsigned char)**text) ? *(*text)++ - '0' : 0);
	return ns;
}

/* "03:12" and "03:12:30"; NULL for anything else. */
static const char *take_clock(const char *text, struct tm *tm)
{
	const char *end = strptime(text, "%H:%M", tm);

	tm->tm_sec = 0;
	return end && *end == ':' ? strptime(end, ":%S", tm) : end;
}

static int finish(const char *text, struct tm *tm, uint64_t *ns)
{
	uint64_t fraction = take_fraction(&text);
	time_t seconds;

	tm->tm_isdst = -1;
	seconds = *text == 'Z' ? timegm(tm) : mktime(tm);
	/* Nanoseconds of 64 bits end in the year 2554. */
	if (text[*text == 'Z'] || seconds < 0 ||
	    (uint64_t)seconds >= UINT64_MAX / NSEC_PER_SEC)
		return -EINVAL;
	*ns = seconds * NSEC_PER_SEC + fraction;
	return 0;
}

/* Today's, or yesterday's if that is still to come. */
static int parse_clock(const char *text, uint64_t now_ns, uint64_t *ns)
{
	time_t now = now_ns / NSEC_PER_SEC;
	struct tm tm, earlier;
	const char *end;
	int err;

	localtime_r(&now, &tm);
	end = take_clock(text, &tm);
	if (!end || strchr(end, 'Z'))
		return -EINVAL;
	earlier = tm;
	err = finish(end, &tm, ns);
	if (err || *ns <= now_ns)
		return err;
	earlier.tm_mday--;
	return finish(end, &earlier, ns);
}

int when_parse(const char *text, uint64_t now_ns, uint64_t *ns)
{
	struct tm tm = { };
	const char *end;

	if (*text == '-')
		return parse_ago(text + 1, now_ns, ns);
	end = strptime(text, "%Y-%m-%d", &tm);
	if (!end)
		return parse_clock(text, now_ns, ns);
	if (*end != 'T' && *end != ' ')
		return -EINVAL;
	end = take_clock(end + 1, &tm);
	return end ? finish(end, &tm, ns) : -EINVAL;
}

char *when_format(uint64_t ns)
{
	time_t seconds = ns / NSEC_PER_SEC;
	char text[64];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	return xstrdup(text);
}
