// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"
#include "settings/limit-value.h"

/* How often 1024: of K 1, of M 2 …; 0 for what is no unit. */
static unsigned int unit_power(const char *unit)
{
	static const char letters[] = "KMGTP", small[] = "kmgtp";
	const char *found = strchr(letters, *unit);

	if (!*unit || (unit[1] && strcmp(unit + 1, "iB")))
		return 0;
	if (found)
		return found - letters + 1;
	found = strchr(small, *unit);
	return found ? found - small + 1 : 0;
}

const char *limit_parse_value(const struct limit_kind *kind, const char *text,
			      uint64_t *value)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	unsigned long long number;
	unsigned int power;

	if (!strcmp(text, "max")) {
		*value = LIMIT_NONE;
		return NULL;
	}
	if (!*text)
		return "a value is missing: use a number, or max for no limit";
	if (*text == '-' && text[1] >= '0' && text[1] <= '9')
		return "a limit cannot be negative: use max for no limit, 0 to allow none";
	if (!digits || strchr(".,eEx", *unit ? *unit : ' '))
		return kind->is_bytes ?
		       "not a size: use a whole number with K, M, G, T or P, or max for no limit" :
		       "not a number: use digits, or max for no limit";
	power = unit_power(unit);
	if (*unit && !kind->is_bytes)
		return "this limit takes no unit";
	if (*unit && !power)
		return "unknown unit: use K, M, G, T or P (powers of 1024)";
	errno = 0;
	number = strtoull(text, NULL, 10);
	/* The largest number means no limit. */
	if (errno || number > (LIMIT_NONE - 1) >> (10 * power))
		return "too large: use max for no limit";
	*value = number << (10 * power);
	return NULL;
}

char *limit_value_text(uint64_t value)
{
	return value == LIMIT_NONE ? xstrdup("max") :
	       xasprintf("%llu", (unsigned long long)value);
}

char *limit_format(const struct limit_kind *kind, uint64_t value, bool bytes)
{
	return value != LIMIT_NONE && kind->is_bytes && !bytes ?
	       format_bytes(value) : limit_value_text(value);
}
