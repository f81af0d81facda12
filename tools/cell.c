// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cell.h"
#include "util.h"

#define VMX_EXIT_HLT	12
#define SVM_EXIT_HLT	0x78

bool cell_is_split(const struct exit_cell *cell)
{
	return cell->has[CELL_TIME] && cell->has[CELL_USER] &&
	       cell->has[CELL_WAIT] && cell->has[CELL_RUNQ] &&
	       cell->has[CELL_THROTTLED];
}

/* Code 12 is something else on SVM, so the name counts too. */
bool cell_is_idle(const struct exit_cell *cell)
{
	return !cell_is_split(cell) && !strcasecmp(cell->key.reason, "HLT") &&
	       (cell->key.code == VMX_EXIT_HLT || cell->key.code == SVM_EXIT_HLT);
}

uint64_t cell_kernel_ns(const struct exit_cell *cell)
{
	uint64_t others = cell->value[CELL_USER];

	others = add_saturated(others, cell->value[CELL_WAIT]);
	others = add_saturated(others, cell->value[CELL_RUNQ]);
	others = add_saturated(others, cell->value[CELL_THROTTLED]);
	return sub_clamped(cell->value[CELL_TIME], others);
}

uint64_t cell_busy_ns(const struct exit_cell *cell)
{
	if (cell_is_idle(cell))
		return 0;
	if (!cell_is_split(cell))
		return cell->value[CELL_TIME];
	return add_saturated(cell_kernel_ns(cell), cell->value[CELL_USER]);
}

uint64_t exits_busy_ns(const struct exit_stats *stats)
{
	uint64_t busy = 0;
	size_t i;

	for (i = 0; i < stats->num_cells; i++)
		busy = add_saturated(busy, cell_busy_ns(&stats->cells[i]));
	return busy;
}

static int compare_busy(const void *a, const void *b)
{
	const struct exit_cell *x = *(const struct exit_cell *const *)a;
	const struct exit_cell *y = *(const struct exit_cell *const *)b;
	uint64_t busy_x = cell_busy_ns(x), busy_y = cell_busy_ns(y);

	if (cell_is_idle(x) != cell_is_idle(y))
		return cell_is_idle(x) ? 1 : -1;
	if (busy_x != busy_y)
		return busy_x > busy_y ? -1 : 1;
	return exits_compare(&x->key, &y->key);
}

const struct exit_cell **exits_by_busy(const struct exit_stats *stats)
{
	const struct exit_cell **cells = xcalloc(stats->num_cells,
						 sizeof(*cells));
	size_t i;

	for (i = 0; i < stats->num_cells; i++)
		cells[i] = &stats->cells[i];
	qsort(cells, stats->num_cells, sizeof(*cells), compare_busy);
	return cells;
}

uint64_t cell_completed(const struct exit_cell *cell)
{
	uint64_t sum = 0;
	unsigned int i;

	if (!cell->num_buckets)
		return cell->value[CELL_COUNT];
	for (i = 0; i < cell->num_buckets; i++)
		sum = add_saturated(sum, cell->hist[i]);
	return sum;
}

uint64_t cell_avg_ns(const struct exit_cell *cell)
{
	uint64_t completed = cell_completed(cell);

	return completed ? cell->value[CELL_TIME] / completed : 0;
}

struct percentile cell_percentile(const struct exit_cell *cell,
				  unsigned int percent)
{
	struct percentile p = { PERCENTILE_NONE, 0 };
	uint64_t total = cell_completed(cell);
	uint64_t rank, seen = 0;
	unsigned int n;

	if (!cell->num_buckets || !total)
		return p;
	/* The smallest rank that has at least so many percent at or below. */
	rank = total / 100 * percent + (total % 100 * percent + 99) / 100;
	for (n = 0; n < cell->num_buckets - 1; n++) {
		seen = add_saturated(seen, cell->hist[n]);
		if (seen >= rank) {
			p.kind = PERCENTILE_LE;
			p.ns = 1ULL << n;
			return p;
		}
	}
	if (cell->has[CELL_MAX]) {
		p.kind = PERCENTILE_LE;
		p.ns = cell->value[CELL_MAX];
	} else {
		p.kind = PERCENTILE_ABOVE;
		p.ns = n ? 1ULL << (n - 1) : 0;
	}
	return p;
}

static void cell_subtract(struct exit_cell *cell, const struct exit_cell *before)
{
	unsigned int i;

	for (i = 0; i < NUM_CELL_FIELDS; i++)
		cell->value[i] = sub_clamped(cell->value[i], before->value[i]);
	for (i = 0; i < cell->num_buckets && i < before->num_buckets; i++)
		cell->hist[i] = sub_clamped(cell->hist[i], before->hist[i]);
}

void exits_subtract(const struct exit_stats *before,
		    const struct exit_stats *after, struct exit_stats *diff)
{
	size_t i, j = 0;

	*diff = *after;
	for (i = 0; i < NUM_FIXED_STATS; i++)
		diff->value[i] = sub_clamped(after->value[i], before->value[i]);
	diff->cells = xcalloc(after->num_cells, sizeof(*diff->cells));
	for (i = 0; i < after->num_cells; i++) {
		struct exit_cell *cell = &diff->cells[i];

		*cell = after->cells[i];
		while (j < before->num_cells &&
		       exits_compare(&before->cells[j].key, &cell->key) < 0)
			j++;
		if (j < before->num_cells &&
		    !exits_compare(&before->cells[j].key, &cell->key))
			cell_subtract(cell, &before->cells[j]);
		cell->has[CELL_MAX] = false;
		cell->value[CELL_MAX] = 0;
	}
}
