/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ERROR_H
#define L1TUNE_ERROR_H

#include "base/util.h"

/* "l1tune: <message>" on stderr; what could do harm on a terminal is escaped. */
__printf(1, 2) void complain(const char *fmt, ...);

/* Calls sink with each message instead; NULL for stderr again. */
void complain_to(void (*sink)(const char *message));
/* A sink that drops messages. */
void complain_ignore(const char *message);

/*
 * What is wrong with something that the user wrote, and what to do about it.
 * The parser returns it; the caller, who knows where it was written, prints it.
 */
struct error {
	/* NULL if nothing is. */
	char *message;
};

/* Returns STATUS_USAGE. */
__printf(2, 3) int error_set(struct error *error, const char *fmt, ...);
void error_free(struct error *error);

#endif
