// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <string.h>

#include "explain/ended-cause.h"
#include "model/exits.h"

void ended_conclude(struct ended *ended, const char *confidence, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ended->cause = xvasprintf(fmt, ap);
	va_end(ap);
	ended->confidence = confidence;
}

bool ended_reason_is(const char *reason, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(reason_kind(reason), *names))
			return true;
	return false;
}

bool ended_exit_is(const struct gone_exit *e, const char *const *names)
{
	return e && ended_reason_is(e->key.reason, names);
}
