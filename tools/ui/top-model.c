// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/account.h"
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

bool top_is_chosen(const struct top_choice *choice, const struct top_row *row)
{
	const struct guest *guest = &row->snapshot->guest;

	return choice->row_name && guest->id == choice->row_id &&
	       (!choice->by_cgroup || !strcmp(guest->label, choice->row_name));
}

/* Bare text is a part of the name here, the rest as on the command line. */
static bool is_shown(const struct top_choice *choice, const struct guest *guest)
{
	const char *name = choice->by_cgroup ? guest_charged_cgroup(guest) : guest->label;
	struct selector selector;

	if (!*choice->filter)
		return true;
	if (selector_parse(choice->filter, &selector) ||
	    selector.kind == SELECT_NAME)
		return name && strcasestr(name, choice->filter);
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

static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct top_row *x = a, *y = b;
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
	/* Rows without a number come after all others. */
	if (!order)
		order = guest_x->id - 1 < guest_y->id - 1 ? -1 :
			guest_x->id - 1 > guest_y->id - 1;
	if (!order)
		order = strcmp(guest_x->label, guest_y->label);
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

static struct top_row *add_row(struct top_model *model, const struct guest_snapshot *guest,
			       size_t num_guests)
{
	struct top_row *row = GROW(model->rows, model->num_rows);

	*row = (struct top_row){ .snapshot = guest, .num_guests = num_guests };
	return row;
}

static void add_guest(struct top_model *model, const struct guest_snapshot *guest)
{
	const struct top_rates rates = rates_of(guest);

	*GROW(model->guests, model->num_guests) = guest;
	add_rates(&model->total, &rates);
	model->num_vcpus += guest->guest.vcpus;
}

static void add_guests(struct top_model *model)
{
	size_t i;

	for (i = 0; i < model->num_guests; i++)
		add_row(model, model->guests[i], 1)->rates = rates_of(model->guests[i]);
}

static void add_ended(struct top_model *model, const struct top_choice *choice,
		      const struct guest_snapshot *guest)
{
	model->num_ended++;
	if (!choice->by_cgroup)
		add_row(model, guest, 1)->is_ended = true;
}

/* The diff with the guests that are shown, which are not copied; free its guests alone. */
static struct snapshot only_shown(const struct top_model *model, const struct snapshot *diff)
{
	struct snapshot shown = *diff;
	size_t i;

	shown.guests = xcalloc(model->num_guests, sizeof(*shown.guests));
	shown.num_guests = model->num_guests;
	for (i = 0; i < model->num_guests; i++)
		shown.guests[i] = *model->guests[i];
	return shown;
}

static void add_cgroups(struct top_model *model, const struct snapshot *diff)
{
	struct snapshot shown = only_shown(model, diff);
	struct accounts accounts;
	size_t i;

	accounts_make(&accounts, &shown, true);
	model->sums = xcalloc(accounts.num, sizeof(*model->sums));
	for (i = 0; i < accounts.num; i++) {
		struct guest_snapshot *sum = &model->sums[model->num_sums++];

		account_sum(accounts.v[i], &shown, sum);
		add_row(model, sum, accounts.v[i]->num_guests)->rates = rates_of(sum);
	}
	accounts_free(&accounts);
	free(shown.guests);
}

static void add_reasons(struct top_model *model, const struct top_choice *choice)
{
	size_t i, num = 0;

	for (i = 0; i < model->num_rows; i++) {
		const struct top_row *row = &model->rows[i];

		if (!top_is_chosen(choice, row))
			continue;
		model->reasons_of = row->snapshot->guest.label;
		if (!row->is_ended)
			exits_add(&model->reasons, &row->snapshot->stats);
	}
	for (i = 0; i < model->num_guests && !model->reasons_of; i++)
		exits_add(&model->reasons, &model->guests[i]->stats);
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
		if (is_shown(choice, &diff->guests[i].guest))
			add_guest(model, &diff->guests[i]);
	if (choice->by_cgroup)
		add_cgroups(model, diff);
	else
		add_guests(model);
	for (i = 0; i < before->num_guests; i++) {
		const struct guest_snapshot *guest = &before->guests[i];

		if (is_shown(choice, &guest->guest) &&
		    !snapshot_find(after, guest, before->loaded_ns))
			add_ended(model, choice, guest);
	}
	if (model->num_rows)
		qsort_r(model->rows, model->num_rows, sizeof(*model->rows),
			compare_rows, (void *)choice);
	add_reasons(model, choice);
}

void top_model_free(struct top_model *model)
{
	size_t i;

	for (i = 0; i < model->num_sums; i++)
		snapshot_free_sum(&model->sums[i]);
	free(model->sums);
	free(model->rows);
	free(model->guests);
	free(model->cells);
	exits_free(&model->reasons);
	*model = (struct top_model){ };
}
