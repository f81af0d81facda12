/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LOOKED_H
#define L1TUNE_LOOKED_H

#include <jansson.h>
#include <stdbool.h>

/* Causes that advice looked at: is the same said of both? */
bool looked_are_alike(const json_t *a, const json_t *b);

bool looked_is_open(const json_t *cause);

/* "not ruled out: what was seen; to find out: how": a copy. */
char *looked_result(const json_t *cause);

#endif
