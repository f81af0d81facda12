/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LIMIT_VALUE_H
#define L1TUNE_LIMIT_VALUE_H

#include "settings/limit.h"

/*
 * "20", "max", and for sizes "64G": LIMIT_NONE for max. NULL, or what is wrong
 * with it, to follow "NAME=TEXT: ".
 */
const char *limit_parse_value(const struct limit_kind *kind, const char *text,
			      uint64_t *value);

/* The same as the module writes it, in digits. */
char *limit_value_text(uint64_t value);
/* For people: sizes in units, unless they are wanted in bytes. */
char *limit_format(const struct limit_kind *kind, uint64_t value, bool bytes);

#endif
