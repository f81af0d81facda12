// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"
#include "model/cell.h"

#define VMX_EXIT_HLT	12
#define SVM_EXIT_HLT	0x78
#define SVM_EXIT_IDLE_HLT 0xa6

bool cell_is_split(const struct exit_cell *cell)
{
	enum time_part part;

	for (part = 0; part < NUM_PARTS; part++)
		if (!cell_has_part(cell, part))
			return false;
	return true;
}

/* Code 12 is something else on SVM, so the name counts too. */
bool cell_is_halt(const struct exit_cell *cell)
{
	return !strcasecmp(reason_kind(cell->key.reason), "HLT") &&
	       (cell->key.code == VMX_EXIT_HLT || cell->key.code == SVM_EXIT_HLT ||
		cell->key.code == SVM_EXIT_IDLE_HLT);
}

bool cell_is_idle(const struct exit_cell *cell)
{
	return !cell_is_split(cell) && cell_is_halt(cell);
}

uint64_t cell_busy_ns(const struct exit_cell *cell)
{
	if (cell_is_idle(cell))
		return 0;
	if (!cell_is_split(cell))
		return cell->value[CELL_TIME];
	return add_saturated(cell->value[CELL_KERNEL], cell->value[CELL_VMM]);
}

const char *const time_part_names[NUM_PARTS] = {
	[PART_KERNEL] = "kernel",
	[PART_VMM] = "vmm",
	[PART_VMM_SLEEP] = "vmm_sleep",
	[PART_HALTED] = "halted",
	[PART_BLOCKED] = "blocked",
	[PART_RUNQ] = "runq",
	[PART_THROTTLED] = "throttled",
};

const char *const time_part_keys[NUM_PARTS] = {
	[PART_KERNEL] = "kernel_ns",
	[PART_VMM] = "vmm_ns",
	[PART_VMM_SLEEP] = "vmm_sleep_ns",
	[PART_HALTED] = "halted_ns",
	[PART_BLOCKED] = "blocked_ns",
	[PART_RUNQ] = "runq_ns",
	[PART_THROTTLED] = "throttled_ns",
};

bool cell_has_part(const struct exit_cell *cell, enum time_part part)
{
	return cell->has[CELL_KERNEL + part];
}

uint64_t cell_part_ns(const struct exit_cell *cell, enum time_part part)
{
	return cell->value[CELL_KERNEL + part];
}

bool exits_are_split(const struct exit_stats *stats)
{
	size_t i;

	for (i = 0; i < stats->num_cells; i++)
		if (!cell_is_split(&stats->cells[i]))
			return false;
	return stats->num_cells;
}

uint64_t exits_part_ns(const struct exit_stats *stats, enum time_part part)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < stats->num_cells; i++)
		sum = add_saturated(sum, cell_part_ns(&stats->cells[i], part));
	return sum;
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

char *exit_label(const struct exit_key *key)
{
	return xasprintf("%s%s", key->level == 3 ? "L3 " : "", key->reason);
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

static uint64_t mul_saturated(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* The longest time that the completed exits of a histogram can have taken. */
static uint64_t most_ns(const struct exit_cell *cell)
{
	uint64_t most = 0, bound;
	unsigned int i;

	if (!cell->num_buckets)
		return UINT64_MAX;
	for (i = 0; i < cell->num_buckets; i++) {
		bound = i < cell->num_buckets - 1 ? 1ULL << i : UINT64_MAX;
		if (cell->has[CELL_MAX] && bound > cell->value[CELL_MAX])
			bound = cell->value[CELL_MAX];
		most = add_saturated(most, mul_saturated(cell->hist[i], bound));
	}
	return most;
}

uint64_t cell_avg_ns(const struct exit_cell *cell)
{
	uint64_t completed = cell_completed(cell);
	uint64_t time_ns = cell->value[CELL_TIME], most;

	/* Files that do not split the time have none of open exits in it. */
	most = cell_is_split(cell) ? most_ns(cell) : UINT64_MAX;
	if (time_ns > most)
		time_ns = most;
	return completed ? time_ns / completed : 0;
}

/* The smallest rank with at least this percentage at or below it. */
static uint64_t rank_of(uint64_t total, unsigned int percent)
{
	return total / 100 * percent + (total % 100 * percent + 99) / 100;
}

struct percentile cell_percentile(const struct exit_cell *cell,
				  unsigned int percent)
{
	struct percentile p = { PERCENTILE_NONE, 0 };
	uint64_t total = cell_completed(cell);
	uint64_t rank = rank_of(total, percent), seen = 0;
	unsigned int n;

	if (!cell->num_buckets || !total)
		return p;
	for (n = 0; n < cell->num_buckets - 1; n++) {
		seen = add_saturated(seen, cell->hist[n]);
		if (seen >= rank) {
			p.kind = PERCENTILE_LE;
			p.ns = 1ULL << n;
			return p;
		}
	}
	/* Also where a maximum is known: an interval has none. */
	p.kind = PERCENTILE_ABOVE;
	p.ns = n ? 1ULL << (n - 1) : 0;
	return p;
}

struct percentile cell_percentile_tight(const struct exit_cell *cell,
					unsigned int percent)
{
	struct percentile p = cell_percentile(cell, percent);
	uint64_t total = cell_completed(cell), most_ns;

	if (p.kind != PERCENTILE_LE || !cell->has[CELL_MAX])
		return p;
	most_ns = cell->value[CELL_TIME] / (total - rank_of(total, percent) + 1);
	if (p.ns > most_ns)
		p.ns = most_ns;
	return p;
}

/* The last bucket is open, so of two histograms the shorter one is left. */
static void shorten(struct exit_cell *cell, unsigned int num_buckets)
{
	if (!num_buckets) {
		cell->num_buckets = 0;
		return;
	}
	while (cell->num_buckets > num_buckets) {
		unsigned int last = --cell->num_buckets;

		cell->hist[last - 1] = add_saturated(cell->hist[last - 1],
						     cell->hist[last]);
	}
}

/* A value of the sum is known if it is known of both. */
static void cell_add(struct exit_cell *sum, const struct exit_cell *cell)
{
	struct exit_cell other = *cell;
	unsigned int i;

	for (i = 0; i < NUM_CELL_FIELDS; i++) {
		sum->has[i] = sum->has[i] && cell->has[i];
		if (i != CELL_MAX)
			sum->value[i] = add_saturated(sum->value[i],
						      cell->value[i]);
		else if (sum->value[i] < cell->value[i])
			sum->value[i] = cell->value[i];
	}
	shorten(sum, other.num_buckets);
	shorten(&other, sum->num_buckets);
	for (i = 0; i < sum->num_buckets; i++)
		sum->hist[i] = add_saturated(sum->hist[i], other.hist[i]);
}

void exits_add(struct exit_stats *sum, const struct exit_stats *stats)
{
	size_t most = sum->num_cells + stats->num_cells, num = 0, i = 0, j = 0;
	struct exit_cell *cells = xmallocarray(most, sizeof(*cells));

	while (i < sum->num_cells || j < stats->num_cells) {
		int order = i == sum->num_cells ? 1 :
			    j == stats->num_cells ? -1 :
			    exits_compare(&sum->cells[i].key,
					  &stats->cells[j].key);

		cells[num] = order > 0 ? stats->cells[j++] : sum->cells[i++];
		if (!order)
			cell_add(&cells[num], &stats->cells[j++]);
		num++;
	}
	free(sum->cells);
	sum->cells = cells;
	sum->num_cells = num;
	for (i = 0; i < NUM_COUNTED_STATS; i++) {
		sum->has[i] = sum->has[i] || stats->has[i];
		sum->value[i] = add_saturated(sum->value[i], stats->value[i]);
	}
}

void exits_total(const struct exit_stats *stats, struct exit_cell *total)
{
	bool is_first = true;
	size_t i;

	*total = (struct exit_cell){ };
	for (i = 0; i < stats->num_cells; i++) {
		if (cell_is_halt(&stats->cells[i]))
			continue;
		if (is_first)
			*total = stats->cells[i];
		else
			cell_add(total, &stats->cells[i]);
		is_first = false;
	}
	total->key = (struct exit_key){ };
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
	for (i = 0; i < NUM_COUNTED_STATS; i++)
		diff->value[i] = sub_clamped(after->value[i], before->value[i]);
	diff->cells = xmallocarray(after->num_cells, sizeof(*diff->cells));
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
