/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BENCH_FILE_H
#define L1TUNE_BENCH_FILE_H

#include <jansson.h>

#include "bench/bench.h"

#define BENCH_STATE	"/var/lib/l1tune"

/* A measurement as a document and back. */
json_t *bench_to_json(const struct measurement *m);
/* STATUS_OK, or STATUS_FAILED after a message. */
int bench_load(const char *path, struct measurement *m);

/* Keeps it in the directory state. */
int bench_save(const char *state, const struct measurement *m);

/*
 * What is kept there, if root alone can have written it and nothing that it
 * depends on has changed since; else NULL, and *why is it not good for
 * anything.
 */
const struct measurement *bench_saved(const char *state, const struct machine *now,
				      struct measurement *m, const char **why);

/*
 * The time that an exit spends in the hardware and L0, from the cheapest to
 * the most expensive kind measured; false if no kind was split.
 */
bool bench_transit_ns(const struct measurement *m, double *low_ns, double *high_ns);

#endif
