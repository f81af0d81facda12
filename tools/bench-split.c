// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <unistd.h>

#include "bench-split.h"
#include "bench-stats.h"
#include "cell.h"
#include "snapshot.h"
#include "util.h"

/* A guest appears shortly after its VM does. */
#define PATIENCE_US	2000000
#define STEP_US		10000
/* So that a median of times keeps what is less than a nanosecond. */
#define PSEC_PER_NSEC	1000.0

static void ignore(const char *message)
{
	(void)message;
}

void bench_split_open(struct bench_split *split, const struct env *env)
{
	char *selector = xasprintf("pid:%d", (int)getpid());

	*split = (struct bench_split){ .env = *env };
	complain_to(ignore);
	split->has_module = env_open(&split->env) == STATUS_OK &&
			    host_read(&split->env, &split->host) == STATUS_OK;
	complain_to(NULL);
	/* Selectors keep the text. */
	GROW(split->selection.v, split->selection.num);
	selector_parse(selector, &split->selection.v[0]);
}

static void forget_readings(struct bench_split *split)
{
	while (split->num)
		exits_free(&split->readings[--split->num]);
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
	known_guests_free(&split->known);
	free((char *)split->selection.v[0].text);
	selection_free(&split->selection);
	if (split->has_module)
		give_up(split);
}

bool bench_split_read(struct bench_split *split)
{
	const struct snapshot_request request = {
		.selection = &split->selection, .all = true, .known = &split->known,
	};
	struct snapshot snapshot;
	bool is_there;

	complain_to(ignore);
	is_there = snapshot_take(&split->env, &split->host, &request, &snapshot) == STATUS_OK &&
		   snapshot.num_guests == 1 && exits_are_split(&snapshot.guests[0].stats);
	complain_to(NULL);
	if (is_there) {
		*GROW(split->readings, split->num) = snapshot.guests[0].stats;
		snapshot.guests[0].stats = (struct exit_stats){ };
	}
	snapshot_free(&snapshot);
	return is_there;
}

bool bench_split_begin(struct bench_split *split)
{
	unsigned int waited_us;

	forget_readings(split);
	for (waited_us = 0; split->has_module && waited_us < PATIENCE_US; waited_us += STEP_US) {
		if (bench_split_read(split))
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

/*
 * What a round trip of a batch takes. It may be of several exits, and a batch
 * has some more of them, to begin and to end: so by the average of each.
 */
static void add_batch(const struct exit_stats *batch, const struct exit_stats *all,
		      uint64_t num, struct bench_series *kvm, struct bench_series *vmm)
{
	double kvm_ps = 0, vmm_ps = 0;
	bool known = false;
	uint64_t value;
	size_t i;

	for (i = 0; i < batch->num_cells; i++) {
		const struct exit_cell *cell = &batch->cells[i];
		uint64_t times = count_of(all, &cell->key) / num;
		double each;

		if (!times || !cell->value[CELL_COUNT])
			continue;
		each = (double)times * PSEC_PER_NSEC / cell->value[CELL_COUNT];
		kvm_ps += each * cell_part_ns(cell, PART_KERNEL);
		vmm_ps += each * cell_part_ns(cell, PART_USER);
		known = true;
	}
	if (!known)
		return;
	value = kvm_ps;
	bench_series_add(kvm, &value, 1);
	value = vmm_ps;
	bench_series_add(vmm, &value, 1);
}

bool bench_split_end(const struct bench_split *split, uint32_t count,
		     double *kvm_ns, double *vmm_ns)
{
	const size_t batches = split->num ? split->num - 1 : 0;
	struct bench_series kvm = { }, vmm = { };
	struct exit_stats all;
	size_t i;

	if (!batches)
		return false;
	exits_subtract(&split->readings[0], &split->readings[batches], &all);
	for (i = 0; i < batches; i++) {
		struct exit_stats batch;

		exits_subtract(&split->readings[i], &split->readings[i + 1], &batch);
		add_batch(&batch, &all, (uint64_t)batches * count, &kvm, &vmm);
		exits_free(&batch);
	}
	exits_free(&all);
	*kvm_ns = bench_summarize(&kvm, 0).median / PSEC_PER_NSEC;
	*vmm_ns = bench_summarize(&vmm, 0).median / PSEC_PER_NSEC;
	i = kvm.num;
	bench_series_free(&kvm);
	bench_series_free(&vmm);
	return i;
}
