/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SENTENCES_H
#define L1TUNE_SENTENCES_H

#include <stddef.h>

#include "base/util.h"

/* Texts that a list owns. */
struct sentences {
	char **v;
	size_t num;
};

__printf(2, 3) void sentences_add(struct sentences *texts, const char *fmt, ...);
void sentences_free(struct sentences *texts);

#endif
