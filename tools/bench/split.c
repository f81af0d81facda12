// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "bench/split.h"
#include "bench/stats.h"
#include "model/cell.h"
#include "model/snapshot.h"

/* A guest appears shortly after its VM does. */
#define PATIENCE_US	2000000
#define STEP_US		10000
/* Medians are taken in ps, to keep fractions of a nanosecond. */
#define PSEC_PER_NSEC	1000.0
/* The 1/USUAL of the batches that are closest to the usual round trip are used. */
#define USUAL		4

void bench_split_open(struct bench_split *split, const struct env *env)
{
	char *selector = xasprintf("pid:%d", (int)getpid());

	*split = (struct bench_split){ .env = *env };
	complain_to(complain_ignore);
	if (env_open(&split->env) == STATUS_OK) {
		split->has_module = host_read(&split->env, &split->host) == STATUS_OK;
		if (!split->has_module)
			env_close(&split->env);
	}
	complain_to(NULL);
	/* Selectors keep the text. */
	GROW(split->selection.v, split->selection.num);
	selector_parse(selector, &split->selection.v[0]);
}

static void forget_readings(struct bench_split *split)
{
	while (split->num)
		exits_free(&split->readings[--split->num].stats);
	free(split->readings);
	split->readings = NULL;
}

static void give_up(struct bench_split *split)
{
	split->has_module = false;
	host_free(&split->host);
	env_close(&split->env);
}

void bench_split_close(struct bench_split *split)
{
	forget_readings(split);
	guest_cache_free(&split->cache);
	free((char *)split->selection.v[0].text);
	selection_free(&split->selection);
	if (split->has_module)
		give_up(split);
}

bool bench_split_read(struct bench_split *split, double round_trip_ns)
{
	const struct snapshot_request request = {
		.selection = &split->selection, .all = true, .cache = &split->cache,
	};
	struct snapshot snapshot;
	bool is_there;

	complain_to(complain_ignore);
	is_there = snapshot_take(&split->env, &split->host, &request, &snapshot) == STATUS_OK &&
		   snapshot.num_guests == 1 && exits_are_split(&snapshot.guests[0].stats);
	complain_to(NULL);
	if (is_there) {
		*GROW(split->readings, split->num) = (struct bench_reading){
			.stats = snapshot.guests[0].stats,
			.round_trip_ns = round_trip_ns,
		};
		snapshot.guests[0].stats = (struct exit_stats){ };
	}
	snapshot_free(&snapshot);
	return is_there;
}

bool bench_split_start(struct bench_split *split)
{
	forget_readings(split);
	return split->has_module && bench_split_read(split, 0);
}

bool bench_split_begin(struct bench_split *split)
{
	unsigned int waited_us;

	forget_readings(split);
	for (waited_us = 0; split->has_module && waited_us < PATIENCE_US; waited_us += STEP_US) {
		if (bench_split_read(split, 0))
			return true;
		usleep(STEP_US);
	}
	/* Its guests are hidden from this user, or its hooks do not hold. */
	if (split->has_module)
		give_up(split);
	return false;
}

/*
 * What belongs to the round trip are the exits of which there are, over all
 * batches, at least as many as round trips: no interrupts, no batch's end.
 */
static uint64_t count_of(const struct exit_stats *all, const struct exit_key *key)
{
	size_t i;

	for (i = 0; i < all->num_cells; i++)
		if (!exits_compare(&all->cells[i].key, key))
			return all->cells[i].value[CELL_COUNT];
	return 0;
}

/* The parts of a batch's round trip, and how far it is from the usual one. */
struct batch_split {
	double off_ns;
	double vmm_ns, rest_ns;
};

/*
 * A round trip may have several exits, and a batch has a few more at its begin and
 * end, so parts are computed from the average of each exit. False without exits.
 */
static bool split_batch(const struct exit_stats *batch, const struct exit_stats *all,
			uint64_t num, double round_trip_ns, struct batch_split *parts)
{
	double kvm_ns = 0;
	bool known = false;
	size_t i;

	*parts = (struct batch_split){ };
	for (i = 0; i < batch->num_cells; i++) {
		const struct exit_cell *cell = &batch->cells[i];
		uint64_t times = count_of(all, &cell->key) / num;
		double each;

		if (!times || !cell->value[CELL_COUNT])
			continue;
		each = (double)times / cell->value[CELL_COUNT];
		kvm_ns += each * cell_part_ns(cell, PART_KERNEL);
		parts->vmm_ns += each * cell_part_ns(cell, PART_VMM);
		known = true;
	}
	parts->rest_ns = round_trip_ns - kvm_ns - parts->vmm_ns;
	return known;
}

static int compare_off(const void *a, const void *b)
{
	const struct batch_split *x = a, *y = b;

	return (x->off_ns > y->off_ns) - (x->off_ns < y->off_ns);
}

static void add_ns(struct bench_series *series, double ns)
{
	uint64_t value = ns > 0 ? ns * PSEC_PER_NSEC : 0;

	bench_series_add(series, &value, 1);
}

static double median_ns(struct bench_series *series)
{
	double median = bench_summarize(series, 0).median;

	bench_series_free(series);
	return median / PSEC_PER_NSEC;
}

bool bench_split_end(const struct bench_split *split, uint32_t count,
		     double usual_ns, double *vmm_ns, double *rest_ns)
{
	const size_t batches = split->num ? split->num - 1 : 0;
	struct bench_series vmm = { }, rest = { };
	struct batch_split *parts;
	size_t num = 0, i;
	struct exit_stats all;

	if (!batches)
		return false;
	parts = xmallocarray(batches, sizeof(*parts));
	exits_subtract(&split->readings[0].stats, &split->readings[batches].stats, &all);
	for (i = 1; i <= batches; i++) {
		const struct bench_reading *reading = &split->readings[i];
		struct exit_stats batch;

		exits_subtract(&reading[-1].stats, &reading->stats, &batch);
		if (split_batch(&batch, &all, (uint64_t)batches * count, reading->round_trip_ns, &parts[num])) {
			parts[num].off_ns = fabs(reading->round_trip_ns - usual_ns);
			num++;
		}
		exits_free(&batch);
	}
	exits_free(&all);
	qsort(parts, num, sizeof(*parts), compare_off);
	for (i = 0; i < (num + USUAL - 1) / USUAL; i++) {
		add_ns(&vmm, parts[i].vmm_ns);
		add_ns(&rest, parts[i].rest_ns);
	}
	free(parts);
	*vmm_ns = median_ns(&vmm);
	*rest_ns = median_ns(&rest);
	return num;
}
