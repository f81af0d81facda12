/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BLAME_H
#define L1TUNE_BLAME_H

#include <stddef.h>
#include <stdint.h>

struct blamed {
	char *text;
	uint64_t count;
};

/* How often each of some texts came; when there are very many, new ones count as "others". */
struct blame {
	struct blamed *v;
	size_t num;
};

void blame_add(struct blame *blame, const char *text);
/* The most frequent first. */
void blame_sort(struct blame *blame);
void blame_free(struct blame *blame);

#endif
