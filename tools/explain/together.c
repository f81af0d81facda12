// SPDX-License-Identifier: GPL-2.0
/* What is little in each guest and much in all: one piece of advice with the sum. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/together.h"

bool can_be_together(const struct advice *advice)
{
	/* Causes that are not known may differ. */
	return strcmp(advice->name, advice->symptom) != 0;
}

static bool has_lower(const struct gain *gain)
{
	return gain->kind == GAIN_RANGE || gain->kind == GAIN_AT_LEAST;
}

static bool has_upper(const struct gain *gain)
{
	return gain->kind == GAIN_RANGE || gain->kind == GAIN_AT_MOST;
}

/* At least what some of them save; at most what all of them do, if that is known. */
static void add_gain(struct gain *sum, const struct gain *gain)
{
	bool is_least = has_lower(sum) || has_lower(gain);
	bool is_most = has_upper(sum) && has_upper(gain);

	sum->kind = is_least ? (is_most ? GAIN_RANGE : GAIN_AT_LEAST) :
			       (is_most ? GAIN_AT_MOST : GAIN_UNKNOWN);
	sum->low += gain->low;
	sum->high += gain->high;
	sum->lacks_transit |= gain->lacks_transit;
}

/* It is as sure as that of the guest with most of it. */
static struct advice sum_up(const struct advice *some, size_t num)
{
	const struct advice *most = some;
	struct advice all = *some;
	size_t i;

	for (i = 1; i < num; i++) {
		add_gain(&all.gain, &some[i].gain);
		all.is_enough |= some[i].is_enough;
		if (some[i].gain.high > most->gain.high)
			most = &some[i];
	}
	all.num_guests = num;
	all.guest_id = 0;
	all.guest_name = xasprintf("%zu guests", num);
	all.evidence = xasprintf("the same in %zu guests, most in %llu %s: %s",
				 num, (unsigned long long)most->guest_id,
				 most->guest_name, most->evidence);
	all.change = all.change_for_all ? xstrdup(all.change_for_all) :
		     xasprintf("for all of them as for %llu: %s",
			       (unsigned long long)most->guest_id, most->change);
	all.confidence = xstrdup(most->confidence);
	all.looked = NULL;
	all.num_looked = 0;
	all.accesses = NULL;
	all.num_accesses = 0;
	return all;
}

static int compare_names(const void *a, const void *b)
{
	const struct advice *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void advise_together(struct advice *some, size_t num_some, struct advice **list,
		     size_t *num)
{
	size_t first, i;

	if (num_some)
		qsort(some, num_some, sizeof(*some), compare_names);
	for (first = 0; first < num_some; first = i) {
		struct advice all;

		for (i = first + 1; i < num_some; i++)
			if (strcmp(some[i].name, some[first].name))
				break;
		if (i - first < 2)
			continue;
		all = sum_up(some + first, i - first);
		if (all.gain.high >= MIN_GAIN_OF_ALL ||
		    (all.gain.kind == GAIN_UNKNOWN && all.is_enough))
			*GROW(*list, *num) = all;
		else
			advice_free(&all);
	}
	for (i = 0; i < num_some; i++)
		advice_free(&some[i]);
	free(some);
}
