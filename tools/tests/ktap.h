/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_KTAP_H
#define L1TUNE_KTAP_H

#include <stdbool.h>

#include "base/util.h"

/* Results as KTAP lines; a failed one goes on, so that all are seen. */
void ktap_start(void);
__printf(2, 3) void ktap_ok(bool ok, const char *fmt, ...);
void ktap_equal(const char *got, const char *expected, const char *name);

/* Prints the plan; the exit status. */
int ktap_end(void);

#endif
