// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "cell.h"
#include "cmd.h"
#include "json.h"
#include "util.h"
#include "watch.h"

enum {
	COL_GUEST, COL_NAME, COL_PID, COL_VCPU, COL_LEVEL, COL_REASON, COL_CODE,
	COL_COUNT, COL_RATE, COL_TOTAL, COL_AVG, COL_MAX, COL_P50, COL_P90,
	COL_P99, COL_SHARE, NUM_COLS
};

static const struct column columns[NUM_COLS] = {
	[COL_GUEST] = { "GUEST", "number of the guest" },
	[COL_NAME] = { "NAME", "its name", .is_text = true,
		       .is_flexible = true },
	[COL_PID] = { "PID", "process of its VMM" },
	[COL_VCPU] = { "VCPU", "number of the vCPU, with --vcpus" },
	[COL_LEVEL] = { "LEVEL", "2: the guest itself; 3: a guest inside it" },
	[COL_REASON] = { "REASON", "why it left for the host", .is_text = true,
			 .is_cut_last = true },
	[COL_CODE] = { "CODE", "the same as the CPU's number" },
	[COL_COUNT] = { "COUNT", "number of exits" },
	[COL_RATE] = { "RATE", "exits per second" },
	[COL_TOTAL] = { "TOTAL", "time from exit to next entry, summed" },
	[COL_AVG] = { "AVG", "the same per exit" },
	[COL_MAX] = { "MAX", "longest since the guest's start" },
	[COL_P50] = { "P50", "half of the exits took no longer than this" },
	[COL_P90] = { "P90", "so did 90 % (powers of two)" },
	[COL_P99] = { "P99", "so did 99 %" },
	[COL_SHARE] = { "SHARE", "part of the busy time; idle HLT has none" },
};

/* A guest as a whole, or one of its vCPUs: one block of rows. */
struct block {
	const struct guest_snapshot *snapshot;
	const struct vcpu_snapshot *vcpu;
};

static struct value percentile(const struct exit_cell *cell,
			       unsigned int percent)
{
	struct percentile p = cell_percentile(cell, percent);
	struct value value = value_ns(p.ns);

	if (p.kind == PERCENTILE_NONE)
		value.kind = VALUE_NONE;
	else if (p.kind == PERCENTILE_ABOVE)
		value.kind = VALUE_NS_ABOVE;
	return value;
}

static void fill_row(struct value *row, const struct block *block,
		     const struct exit_cell *cell, uint64_t busy_ns)
{
	const struct guest *guest = &block->snapshot->guest;

	row[COL_GUEST] = value_number(guest->id);
	row[COL_NAME] = value_text(guest->name);
	row[COL_PID] = value_number(guest->pid);
	if (block->vcpu)
		row[COL_VCPU] = value_number(block->vcpu->id);
	row[COL_LEVEL] = value_number(cell->key.level);
	row[COL_REASON] = value_text(cell->key.reason);
	row[COL_CODE] = value_number(cell->key.code);
	row[COL_COUNT] = value_number(cell->value[CELL_COUNT]);
	row[COL_RATE] = value_rate(cell->value[CELL_COUNT],
				   block->snapshot->interval_ns);
	row[COL_TOTAL] = value_ns(cell->value[CELL_TIME]);
	if (cell_completed(cell))
		row[COL_AVG] = value_ns(cell_avg_ns(cell));
	if (cell->has[CELL_MAX])
		row[COL_MAX] = value_ns(cell->value[CELL_MAX]);
	row[COL_P50] = percentile(cell, 50);
	row[COL_P90] = percentile(cell, 90);
	row[COL_P99] = percentile(cell, 99);
	if (!cell_is_idle(cell))
		row[COL_SHARE] = value_ratio(cell_busy_ns(cell), busy_ns);
}

/* Also a cell that only ends an exit of the interval before has its time. */
static bool is_empty(const struct exit_cell *cell)
{
	return !cell->value[CELL_COUNT] && !cell->value[CELL_TIME];
}

static void add_block(struct table *table, const struct block *block)
{
	const struct exit_stats *stats = block->vcpu ? &block->vcpu->stats :
						       &block->snapshot->stats;
	const struct exit_cell **cells = exits_by_busy(stats);
	uint64_t busy_ns = exits_busy_ns(stats);
	size_t i;

	for (i = 0; i < stats->num_cells; i++)
		if (!is_empty(cells[i]))
			fill_row(table_add_row(table), block, cells[i], busy_ns);
	free(cells);
}

static void add_guest(struct table *table, const struct guest_snapshot *snapshot,
		      bool vcpus)
{
	struct block block = { .snapshot = snapshot };
	size_t i;

	if (!vcpus)
		add_block(table, &block);
	for (i = 0; vcpus && i < snapshot->num_vcpus; i++) {
		block.vcpu = &snapshot->vcpus[i];
		add_block(table, &block);
	}
}

static int show(const struct options *options, const struct host *host,
		const struct snapshot *snapshot, void *arg)
{
	const struct guest_snapshot **guests;
	struct table *table = arg;
	size_t i;

	if (options->json)
		return json_print(host, snapshot, true);
	guests = snapshot_by_busy(snapshot);
	for (i = 0; i < snapshot->num_guests; i++)
		add_guest(table, guests[i], options->vcpus);
	free(guests);
	if (!table->num_rows) {
		complain(snapshot->num_guests ? "no exits" : "no guests");
		return STATUS_OK;
	}
	return table_print(table, &options->style);
}

static void print_help(void)
{
	printf("Usage: l1tune stat [OPTION]... [GUEST]...\n\n"
	       "Shows exits by guest and reason, since the guest's start or in intervals.\n"
	       "GUEST: 3, l2-3, pid:N, uid:N, name:GLOB, cgroup:GLOB or a name.\n\nOptions:\n"
	       "      --vcpus           each vCPU by itself\n");
	options_print_table();
	options_print_common();
	table_print_columns(columns, NUM_COLS);
}

int cmd_stat(int argc, char *argv[], struct options *options)
{
	struct selection selection;
	struct table table;
	int status;

	status = options_parse(options, argc, argv,
			       OPTIONS_COMMON | OPTIONS_TABLE | OPTIONS_VCPUS);
	if (status != STATUS_OK)
		return status;
	if (options->help) {
		print_help();
		return STATUS_OK;
	}
	status = table_init(&table, columns, NUM_COLS, options->vcpus ?
			    "GUEST,NAME,VCPU,LEVEL,REASON,COUNT,RATE,TOTAL,AVG,MAX,P50,P99,SHARE" :
			    "GUEST,NAME,LEVEL,REASON,COUNT,RATE,TOTAL,AVG,MAX,P50,P99,SHARE",
			    options->columns, options->sort);
	if (status != STATUS_OK)
		return status;
	status = selection_parse(argv + optind, argc - optind, &selection);
	if (status == STATUS_OK)
		status = watch(options, &selection, show, &table);
	selection_free(&selection);
	table_free(&table);
	return status;
}
