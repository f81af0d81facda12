/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ROWS_H
#define L1TUNE_ROWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The reasons whose exits took longest, an array with the slowest first: of each
 * those of its highest bucket that has any. Without HLT, which takes as long as the
 * guest has nothing to do.
 */
json_t *slow_exits(const json_t *stat, size_t most);

/* Is it about the guest of l1tune record --canary? */
bool is_of_canary(const json_t *row);

/* Takes that guest out of a document. */
void drop_canary(json_t *stat);

/* The guests of a document that ended in its interval, or those that did not. */
json_t *guests_that(const json_t *stat, bool ended);

/* A number of a row that is about a limit, as limits are written: "64G", "20"; a copy. */
char *limit_amount(const json_t *row, const char *key);

/* "CPUID 61%, L3 VMCALL 20%": the reasons with most exits, a copy. */
char *top_reasons(const json_t *guest, size_t most);

/* "CPUID", and "L3 CPUID" for a guest inside the guest: a copy. */
char *reason_label(const json_t *cell);

#endif
