// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/escape.h"

static void (*complaint_sink)(const char *message);

void complain_to(void (*sink)(const char *message))
{
	complaint_sink = sink;
}

void complain_ignore(const char *message)
{
	(void)message;
}

void complain(const char *fmt, ...)
{
	char *message, *shown;
	va_list ap;

	va_start(ap, fmt);
	message = xvasprintf(fmt, ap);
	va_end(ap);
	shown = escape_for_terminal(message);
	free(message);
	if (complaint_sink) {
		complaint_sink(shown);
	} else {
		/* Output so far comes first when both go to the same place. */
		fflush(stdout);
		fprintf(stderr, "l1tune: %s\n", shown);
	}
	free(shown);
}

int error_set(struct error *error, const char *fmt, ...)
{
	va_list ap;
	char *message;

	/* The old message may be part of the new one. */
	va_start(ap, fmt);
	message = xvasprintf(fmt, ap);
	va_end(ap);
	error_free(error);
	error->message = message;
	return STATUS_USAGE;
}

void error_free(struct error *error)
{
	free(error->message);
	error->message = NULL;
}
