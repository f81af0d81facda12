// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "report/html.h"

#define NAME_MAX_BYTES	80

void html_text(FILE *page, const char *text)
{
	char *harmless = escape_string(text, false);
	const char *s;

	for (s = harmless; *s; s++)
		switch (*s) {
		case '&':
			fputs("&amp;", page);
			break;
		case '<':
			fputs("&lt;", page);
			break;
		case '>':
			fputs("&gt;", page);
			break;
		case '"':
			fputs("&quot;", page);
			break;
		case '\'':
			fputs("&#39;", page);
			break;
		default:
			fputc(*s, page);
		}
	free(harmless);
}

void html_free(FILE *page, char *text)
{
	html_text(page, text);
	free(text);
}

void html_print(FILE *page, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	html_free(page, xvasprintf(fmt, ap));
	va_end(ap);
}

/* Whole characters of UTF-8 only. */
char *short_text(const char *text)
{
	size_t len = strlen(text);

	if (len <= NAME_MAX_BYTES)
		return xstrdup(text);
	for (len = NAME_MAX_BYTES; len && (text[len] & 0xc0) == 0x80; len--)
		;
	return xasprintf("%.*s\u2026", (int)len, text);
}

double round_up(double value)
{
	static const double steps[] = { 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10 };
	double power;
	size_t i;

	if (value <= 0)
		return 1;
	power = pow(10, floor(log10(value)));
	for (i = 0; i < ARRAY_SIZE(steps) - 1 && steps[i] * power < value; i++)
		;
	return steps[i] * power;
}

char *scale_text(double value)
{
	static const char *const units[] = { "", "k", "M", "G" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(units) - 1 && value >= 1000; i++)
		value /= 1000;
	return xasprintf("%.3g%s", value, units[i]);
}

static char *format_time(uint64_t ns, const char *format)
{
	time_t seconds = ns / NSEC_PER_SEC;
	char text[64];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), format, &tm);
	return xstrdup(text);
}

char *clock_text(uint64_t ns)
{
	return format_time(ns, "%H:%M:%S");
}

char *date_text(uint64_t ns)
{
	return format_time(ns, "%Y-%m-%d %H:%M:%S %Z");
}
