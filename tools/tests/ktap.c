// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ktap.h"

static unsigned int num_tests, num_failed;

void ktap_start(void)
{
	puts("KTAP version 1");
}

void ktap_ok(bool ok, const char *fmt, ...)
{
	va_list ap;

	num_failed += !ok;
	printf("%sok %u - ", ok ? "" : "not ", ++num_tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void ktap_equal(const char *got, const char *expected, const char *name)
{
	bool equal = got && expected ? !strcmp(got, expected) : got == expected;

	if (!equal)
		printf("# got \"%s\", expected \"%s\"\n",
		       got ? got : "(null)", expected ? expected : "(null)");
	ktap_ok(equal, "%s", name);
}

int ktap_end(void)
{
	printf("1..%u\n", num_tests);
	return num_failed ? 1 : 0;
}
