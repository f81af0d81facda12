// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>

#include "explain/ended-cause.h"

void ended_conclude(struct ended *ended, const char *confidence, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ended->cause = xvasprintf(fmt, ap);
	va_end(ap);
	ended->confidence = confidence;
}

bool ended_exit_is(const struct gone_exit *e, const struct reasons *reasons)
{
	return e && reasons_have(reasons, e->key.reason);
}
