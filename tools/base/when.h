/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_WHEN_H
#define L1TUNE_WHEN_H

#include <stdint.h>

/*
 * Parses a time from the user into ns of CLOCK_REALTIME: "03:12" (the latest in the
 * past), "2026-11-26 03:12:30.5", the same with T in between and Z at the end for
 * UTC, or "-90m" for 90 minutes ago (s, m, h, d). 0, or -EINVAL.
 */
int when_parse(const char *text, uint64_t now_ns, uint64_t *ns);

/* As when_parse() takes it, in local time: a copy. */
char *when_format(uint64_t ns);

#endif
