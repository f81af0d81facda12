/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_NEAREST_H
#define L1TUNE_NEAREST_H

#include <stddef.h>

/* The name that was probably meant by a mistyped word. */
struct nearest {
	const char *word;
	size_t distance;
	/* NULL while no name is close enough. */
	const char *name;
};

/* To be offered all names that there are; of equal ones the first wins. */
void nearest_offer(struct nearest *nearest, const char *name);

/* ": did you mean NAME?", or the other text if no name is close. A copy. */
char *nearest_text(const struct nearest *nearest, const char *otherwise);

#endif
