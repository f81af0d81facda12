// SPDX-License-Identifier: GPL-2.0
#include <langinfo.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"

/* Three digits that count; 999.6 is 1000 of this unit, not "1e+03". */
static char *three_digits(double value, const char *unit)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

	return xasprintf("%.*f%s", decimals, value, unit);
}

static const char *micro(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") ? "us" : "\302\265s";
}

static char *two_units(uint64_t big, const char *unit, uint64_t small,
		       const char *small_unit)
{
	return xasprintf("%llu%s%02llu%s", (unsigned long long)big, unit,
			 (unsigned long long)small, small_unit);
}

char *format_ns(uint64_t ns)
{
	uint64_t seconds = ns / NSEC_PER_SEC;
	uint64_t minutes = seconds / 60, hours = minutes / 60;

	if (ns < 1000)
		return xasprintf("%lluns", (unsigned long long)ns);
	if (ns < 999500)
		return three_digits(ns / 1e3, micro());
	if (ns < 999500000)
		return three_digits(ns / 1e6, "ms");
	if (seconds < 600)
		return three_digits(ns / 1e9, "s");
	if (hours < 1)
		return two_units(minutes, "m", seconds % 60, "s");
	if (hours < 48)
		return two_units(hours, "h", minutes % 60, "m");
	return two_units(hours / 24, "d", hours % 24, "h");
}

char *format_bytes(uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	double value = bytes;
	size_t unit = 0;

	while (value >= 1024 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	/* Sizes of guests are round: 512M, 1.5G, not 1.50G. */
	if (value == (uint64_t)value || value >= 99.95)
		return xasprintf("%.0f%c", value, units[unit]);
	return xasprintf("%.1f%c", value, units[unit]);
}

char *format_rate(double per_second)
{
	return xasprintf("%.*f", per_second < 9.995 ? 2 :
			 per_second < 99.95 ? 1 : 0, per_second);
}

char *format_percent(double ratio)
{
	double percent = ratio * 100;

	return xasprintf("%.*f%%", percent < 99.95 ? 1 : 0, percent);
}
