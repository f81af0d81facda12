// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <string.h>

#include "base/nearest.h"
#include "base/util.h"

/* With more wrong letters it is another word. */
#define MAX_DISTANCE	4
#define MAX_WORD	64

/* Letters to add, to leave out or to change (Levenshtein), whatever their case. */
static size_t distance(const char *a, const char *b)
{
	size_t row[MAX_WORD], len = strlen(b), i, j;

	if (len >= MAX_WORD)
		return MAX_WORD;
	for (j = 0; j <= len; j++)
		row[j] = j;
	for (i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (j = 0; j < len; j++) {
			size_t above = row[j + 1];
			size_t best = diagonal + (tolower(a[i]) != tolower(b[j]));

			if (above + 1 < best)
				best = above + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j + 1] = best;
			diagonal = above;
		}
	}
	return row[len];
}

void nearest_offer(struct nearest *nearest, const char *name)
{
	size_t d = distance(name, nearest->word), len = strlen(name);

	/* Half of a short word is another word too. */
	if (d > MAX_DISTANCE || 2 * d > len ||
	    (nearest->name && d >= nearest->distance))
		return;
	nearest->distance = d;
	nearest->name = name;
}

char *nearest_text(const struct nearest *nearest, const char *otherwise)
{
	return nearest->name ? xasprintf(": did you mean %s?", nearest->name) :
			       xstrdup(otherwise);
}
