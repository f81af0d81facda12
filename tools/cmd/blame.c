// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cmd/blame.h"

#define MOST_BLAMED	1000

/* Where it is, or num. */
static size_t find(const struct blame *blame, const char *text)
{
	size_t i;

	for (i = 0; i < blame->num && strcmp(blame->v[i].text, text); i++)
		;
	return i;
}

void blame_add(struct blame *blame, const char *text)
{
	size_t i = find(blame, text);

	if (i == blame->num && i >= MOST_BLAMED) {
		text = "others";
		i = find(blame, text);
	}
	if (i == blame->num)
		*GROW(blame->v, blame->num) = (struct blamed){ xstrdup(text) };
	blame->v[i].count++;
}

static int compare(const void *a, const void *b)
{
	const struct blamed *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->text, y->text);
}

void blame_sort(struct blame *blame)
{
	if (blame->num)
		qsort(blame->v, blame->num, sizeof(*blame->v), compare);
}

void blame_free(struct blame *blame)
{
	size_t i;

	for (i = 0; i < blame->num; i++)
		free(blame->v[i].text);
	free(blame->v);
	*blame = (struct blame){ };
}
