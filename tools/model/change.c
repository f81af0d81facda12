// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/change.h"

/* Nobody pays for a vCPU that is halted, nor for a VMM that is asleep. */
static bool is_idle_part(enum time_part part)
{
	return part == PART_HALTED || part == PART_VMM_SLEEP;
}

/* Without the split HLT is left out. */
static uint64_t cost_ns(const struct exit_cell *cell)
{
	uint64_t cost = cell->value[CELL_TIME];
	enum time_part part;

	if (!cell_is_split(cell))
		return cell_busy_ns(cell);
	for (part = 0; part < NUM_PARTS; part++)
		if (is_idle_part(part))
			cost = sub_clamped(cost, cell_part_ns(cell, part));
	return cost;
}

/* Guests of a side have intervals of their own, so rates are added and not counts. */
static void add_guest(struct change_side *side,
		      const struct guest_snapshot *guest,
		      const struct exit_key *key)
{
	double ns = guest->interval_ns ? guest->interval_ns : 1;
	size_t i, part;

	for (i = 0; i < guest->stats.num_cells; i++) {
		const struct exit_cell *cell = &guest->stats.cells[i];

		if (exits_compare(&cell->key, key))
			continue;
		side->is_there = true;
		side->per_second += cell->value[CELL_COUNT] * NSEC_PER_SEC / ns;
		side->time += cell->value[CELL_TIME] / ns;
		side->cost += cost_ns(cell) / ns;
		for (part = 0; part < NUM_PARTS; part++)
			side->parts[part] += cell_part_ns(cell, part) / ns;
	}
}

static void fill_side(struct change_side *side, const struct snapshot *snapshot,
		      const struct exit_stats *sum, const struct exit_key *key)
{
	size_t i;

	for (i = 0; i < sum->num_cells; i++)
		if (!exits_compare(&sum->cells[i].key, key))
			side->cell = sum->cells[i];
	for (i = 0; i < snapshot->num_guests; i++)
		add_guest(side, &snapshot->guests[i], key);
}

static void compare_sides(struct change *change)
{
	const struct change_side *a = &change->sides[0];
	const struct change_side *b = &change->sides[1];
	double most = -1;
	int i;

	change->cost = b->cost - a->cost;
	change->is_split = (!a->is_there || cell_is_split(&a->cell)) &&
			   (!b->is_there || cell_is_split(&b->cell));
	for (i = 0; i < NUM_PARTS; i++) {
		double difference = fabs(b->parts[i] - a->parts[i]);

		if (is_idle_part(i) || difference <= most)
			continue;
		most = difference;
		change->most = i;
	}
}

static int compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	double cost_x = fabs(x->cost), cost_y = fabs(y->cost);

	if (cost_x != cost_y)
		return cost_x > cost_y ? -1 : 1;
	return exits_compare(&x->key, &y->key);
}

static void sum_up(const struct snapshot *snapshot, struct exit_stats *sum)
{
	size_t i;

	*sum = (struct exit_stats){ };
	for (i = 0; i < snapshot->num_guests; i++)
		exits_add(sum, &snapshot->guests[i].stats);
}

struct change *changes_make(const struct snapshot *a, const struct snapshot *b,
			    size_t *num)
{
	struct exit_stats sum_a, sum_b, both = { };
	struct change *changes;
	size_t i;

	sum_up(a, &sum_a);
	sum_up(b, &sum_b);
	exits_add(&both, &sum_a);
	exits_add(&both, &sum_b);
	changes = xcalloc(both.num_cells, sizeof(*changes));
	*num = 0;
	for (i = 0; i < both.num_cells; i++) {
		struct change *change = &changes[*num];

		/* In an interval nothing may have happened. */
		if (!both.cells[i].value[CELL_COUNT] &&
		    !both.cells[i].value[CELL_TIME])
			continue;
		change->key = both.cells[i].key;
		fill_side(&change->sides[0], a, &sum_a, &change->key);
		fill_side(&change->sides[1], b, &sum_b, &change->key);
		compare_sides(change);
		++*num;
	}
	qsort(changes, *num, sizeof(*changes), compare_changes);
	exits_free(&sum_a);
	exits_free(&sum_b);
	exits_free(&both);
	return changes;
}
