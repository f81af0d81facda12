// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/guest-label.h"

static int compare_names(const void *a, const void *b)
{
	const struct guest *x = *(const struct guest *const *)a;
	const struct guest *y = *(const struct guest *const *)b;

	return strcmp(x->name, y->name);
}

void guest_set_labels(struct guest **guests, size_t num)
{
	size_t i;

	if (num)
		qsort(guests, num, sizeof(*guests), compare_names);
	for (i = 0; i < num; i++) {
		const char *name = guests[i]->name;
		bool is_shared = (i && !strcmp(name, guests[i - 1]->name)) ||
				 (i + 1 < num && !strcmp(name, guests[i + 1]->name));

		free(guests[i]->label);
		guests[i]->label = is_shared ? guest_full_name(guests[i]) : xstrdup(name);
	}
}
