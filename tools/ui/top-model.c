// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "ui/top-model.h"

static double per(uint64_t amount, uint64_t interval_ns)
{
	return interval_ns ? amount / (double)interval_ns : 0;
}

static struct top_rates rates_of(const struct guest_snapshot *guest)
{
	const struct exit_stats *stats = &guest->stats;
	uint64_t ns = guest->interval_ns;
	struct top_rates rates = {
		.exits = per(guest->guest.exits, ns) * NSEC_PER_SEC,
		.busy = per(exits_busy_ns(stats), ns),
		.guest = per(guest->guest.guest_time_ns, ns),
		.stolen = per(stats->value[STAT_STOLEN], ns),
		.is_split = exits_are_split(stats),
		.helpers = per(guest->beside.helpers.ns, ns),
		.has_helpers = guest->beside.helpers.is_known,
		.has_stolen = stats->has[STAT_STOLEN],
	};
	int i;

	for (i = 0; i < NUM_PARTS; i++)
		rates.parts[i] = per(exits_part_ns(stats, i), ns);
	return rates;
}

static void add_rates(struct top_rates *sum, const struct top_rates *rates)
{
	int i;

	sum->exits += rates->exits;
	sum->busy += rates->busy;
	sum->guest += rates->guest;
	sum->stolen += rates->stolen;
	sum->is_split |= rates->is_split;
	sum->has_stolen |= rates->has_stolen;
	for (i = 0; i < NUM_PARTS; i++)
		sum->parts[i] += rates->parts[i];
}

/* Bare text is a part of the name here, the rest as on the command line. */
static bool is_shown(const struct top_choice *choice, const struct guest *guest)
{
	struct selector selector;

	if (!*choice->filter)
		return true;
	if (selector_parse(choice->filter, &selector) ||
	    selector.kind == SELECT_NAME)
		return strcasestr(guest->label, choice->filter);
	return selector_matches(&selector, guest);
}

static double rate(const struct top_rates *rates, enum top_sort sort)
{
	switch (sort) {
	case TOP_BY_EXITS:
		return rates->exits;
	case TOP_BY_KERNEL:
	case TOP_BY_VMM:
	case TOP_BY_VMM_SLEEP:
	case TOP_BY_HALTED:
	case TOP_BY_BLOCKED:
	case TOP_BY_RUNQ:
	case TOP_BY_THROTTLED:
		return rates->parts[sort - TOP_BY_KERNEL];
	case TOP_BY_STOLEN:
		return rates->stolen;
	case TOP_BY_GUEST:
		return rates->guest;
	default:
		return rates->busy;
	}
}

static int compare_guests(const void *a, const void *b, void *arg)
{
	const struct top_guest *x = a, *y = b;
	const struct top_choice *choice = arg;
	const struct guest *guest_x = &x->snapshot->guest;
	const struct guest *guest_y = &y->snapshot->guest;
	double rate_x = rate(&x->rates, choice->sort);
	double rate_y = rate(&y->rates, choice->sort);
	int order = 0;

	if (choice->sort == TOP_BY_NAME)
		order = strcmp(guest_x->name, guest_y->name);
	else if (choice->sort != TOP_BY_ID)
		order = rate_x < rate_y ? 1 : rate_x > rate_y ? -1 : 0;
	if (!order)
		order = guest_x->id < guest_y->id ? -1 : guest_x->id > guest_y->id;
	return choice->is_reversed ? -order : order;
}

double top_cell_rate(const struct exit_cell *cell, enum top_sort sort)
{
	switch (sort) {
	case TOP_BY_EXITS:
		return cell->value[CELL_COUNT];
	case TOP_BY_KERNEL:
	case TOP_BY_VMM:
	case TOP_BY_VMM_SLEEP:
	case TOP_BY_HALTED:
	case TOP_BY_BLOCKED:
	case TOP_BY_RUNQ:
	case TOP_BY_THROTTLED:
		return cell_part_ns(cell, sort - TOP_BY_KERNEL);
	case TOP_BY_STOLEN:
		return cell->value[CELL_STOLEN];
	default:
		return cell_busy_ns(cell);
	}
}

static int compare_cells(const void *a, const void *b, void *arg)
{
	const struct exit_cell *x = *(const struct exit_cell *const *)a;
	const struct exit_cell *y = *(const struct exit_cell *const *)b;
	const struct top_choice *choice = arg;
	double rate_x = top_cell_rate(x, choice->sort);
	double rate_y = top_cell_rate(y, choice->sort);
	int order = rate_x < rate_y ? 1 : rate_x > rate_y ? -1 : 0;

	if (!order)
		order = exits_compare(&x->key, &y->key);
	/* Reasons have no name and number to sort by. */
	return choice->is_reversed && choice->sort < TOP_BY_GUEST ?
	       -order : order;
}

static void add_guest(struct top_model *model, const struct top_choice *choice,
		      const struct guest_snapshot *guest, bool is_ended)
{
	struct top_guest *top;

	if (!is_shown(choice, &guest->guest))
		return;
	top = GROW(model->guests, model->num_guests);
	*top = (struct top_guest){ .snapshot = guest, .is_ended = is_ended };
	if (is_ended) {
		model->num_ended++;
		return;
	}
	top->rates = rates_of(guest);
	add_rates(&model->total, &top->rates);
	model->num_vcpus += guest->guest.vcpus;
}

static void add_reasons(struct top_model *model, const struct top_choice *choice)
{
	size_t i, num = 0;

	for (i = 0; i < model->num_guests; i++) {
		const struct top_guest *top = &model->guests[i];
		const struct guest *guest = &top->snapshot->guest;

		if (choice->has_guest && guest->id == choice->guest_id)
			model->reasons_of = guest->label;
	}
	for (i = 0; i < model->num_guests; i++) {
		const struct top_guest *top = &model->guests[i];

		if (!top->is_ended &&
		    (!model->reasons_of ||
		     top->snapshot->guest.id == choice->guest_id))
			exits_add(&model->reasons, &top->snapshot->stats);
	}
	model->cells = xcalloc(model->reasons.num_cells, sizeof(*model->cells));
	for (i = 0; i < model->reasons.num_cells; i++) {
		const struct exit_cell *cell = &model->reasons.cells[i];

		if (cell->value[CELL_COUNT] || cell->value[CELL_TIME])
			model->cells[num++] = cell;
	}
	model->num_cells = num;
	qsort_r(model->cells, num, sizeof(*model->cells), compare_cells,
		(void *)choice);
}

void top_model_make(struct top_model *model, const struct top_choice *choice,
		    const struct snapshot *before, const struct snapshot *after,
		    const struct snapshot *diff)
{
	size_t i;

	*model = (struct top_model) {
		.interval_ns = diff->interval_ns, .time = after->time,
	};
	for (i = 0; i < diff->num_guests; i++)
		add_guest(model, choice, &diff->guests[i], false);
	for (i = 0; i < before->num_guests; i++) {
		const struct guest_snapshot *guest = &before->guests[i];

		if (!snapshot_find(after, guest, before->loaded_ns))
			add_guest(model, choice, guest, true);
	}
	if (model->num_guests)
		qsort_r(model->guests, model->num_guests,
			sizeof(*model->guests), compare_guests, (void *)choice);
	add_reasons(model, choice);
}

void top_model_free(struct top_model *model)
{
	free(model->guests);
	free(model->cells);
	exits_free(&model->reasons);
	*model = (struct top_model){ };
}
