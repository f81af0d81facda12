/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BENCH_TRACE_H
#define L1TUNE_BENCH_TRACE_H

#include <stdbool.h>

#include "base/env.h"

/* A trace buffer of bench's own beside those of others; gone when closed. */
struct bench_trace {
	char *dir;
};

/* Removes what a killed bench has left: its events make exits more expensive. */
void bench_trace_clean(const struct env *env);

/* 0, or -errno: no tracefs, no right to it. */
int bench_trace_open(struct bench_trace *trace, const struct env *env);
int bench_trace_set(const struct bench_trace *trace, const char *event, bool on);
void bench_trace_close(struct bench_trace *trace);

#endif
