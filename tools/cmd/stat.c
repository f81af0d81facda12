// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/format.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/command.h"
#include "explain/transit.h"
#include "model/account.h"
#include "model/account-json.h"
#include "model/cell.h"
#include "model/json.h"
#include "model/vcpu.h"
#include "ui/intervals.h"

/* From here on there is room for all that one looks at first. */
#define WIDE	130

enum {
	COL_GUEST, COL_NAME, COL_PID, COL_VCPU, COL_LEVEL, COL_REASON, COL_CODE,
	COL_COUNT, COL_RATE, COL_TOTAL, COL_AVG, COL_MAX, COL_P50, COL_P90,
	COL_P99, COL_KERNEL, COL_VMM, COL_VMM_SLEEP, COL_HALTED, COL_BLOCKED,
	COL_RUNQ, COL_THROTTLED, COL_STOLEN,
	COL_SHARE, COL_STATE, COL_SINCE, NUM_COLS
};

static const struct column columns[NUM_COLS] = {
	[COL_GUEST] = { "GUEST", "id of the guest" },
	[COL_NAME] = { "NAME", "its name", .is_text = true,
		       .is_flexible = true },
	[COL_PID] = { "PID", "PID of its VMM" },
	[COL_VCPU] = { "VCPU", "number of the vCPU, with --vcpus" },
	[COL_LEVEL] = { "LEVEL", "2: the guest itself; 3: a guest inside it" },
	[COL_REASON] = { "REASON", "exit reason", .is_text = true,
			 .is_cut_last = true },
	[COL_CODE] = { "CODE", "exit reason as the CPU's number" },
	[COL_COUNT] = { "COUNT", "number of exits" },
	[COL_RATE] = { "RATE", "exits per second" },
	[COL_TOTAL] = { "TOTAL", "total time from exits to entries" },
	[COL_AVG] = { "AVG", "average time per exit" },
	[COL_MAX] = { "MAX", "longest exit since the guest's start" },
	[COL_P50] = { "P50", "half of the exits took no longer than this" },
	[COL_P90] = { "P90", "90 % took no longer (powers of two)" },
	[COL_P99] = { "P99", "99 % took no longer" },
	[COL_KERNEL] = { "KERNEL", "time on a CPU in KVM, polling included" },
	[COL_VMM] = { "VMM", "time on a CPU in the VMM" },
	[COL_VMM_SLEEP] = { "VMM_SLEEP", "time the VMM was asleep, as while a guest is paused" },
	[COL_HALTED] = { "HALTED", "time the vCPU was halted" },
	[COL_BLOCKED] = { "BLOCKED", "time asleep in KVM for another reason: a page, a mutex" },
	[COL_RUNQ] = { "RUNQ", "time runnable without a CPU" },
	[COL_THROTTLED] = { "THROTTLED", "time throttled by max_exits_per_sec" },
	[COL_STOLEN] = { "STOLEN", "time L0 took from these exits, at least" },
	[COL_SHARE] = { "SHARE", "share of the busy time; idle HLT has none" },
	[COL_STATE] = { "STATE", "what the vCPU is doing for this exit now",
			.is_text = true },
	[COL_SINCE] = { "SINCE", "for how long" },
};

/* A guest as a whole, one of its vCPUs, or all guests: one block of rows. */
struct block {
	const struct guest_snapshot *snapshot;
	const struct vcpu_snapshot *vcpu;
	bool is_sum;
	/* A sum for a tenant or a cgroup, whose path is its name. */
	bool is_account;
};

/*
 * Who spends the time is what there is to see, if it is known: what a narrow
 * terminal has no room for besides is left out.
 */
static const char *default_columns(const struct options *options,
				   const struct snapshot *snapshot)
{
	unsigned int width = terminal_columns();
	bool is_split = false, is_throttled = false;
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++) {
		const struct exit_stats *stats = &snapshot->guests[i].stats;

		is_split |= exits_are_split(stats);
		is_throttled |= !!exits_part_ns(stats, PART_THROTTLED);
	}
	if (!is_split)
		return options->vcpus ?
		       "GUEST,NAME,VCPU,LEVEL,REASON,COUNT,RATE,TOTAL,AVG,MAX,P50,P99,SHARE" :
		       "GUEST,NAME,LEVEL,REASON,COUNT,RATE,TOTAL,AVG,MAX,P50,P99,SHARE";
	if (width && width < WIDE && options->vcpus)
		return is_throttled ?
		       "GUEST,VCPU,REASON,COUNT,KERNEL,VMM,RUNQ,THROTTLED,STATE,SINCE" :
		       "GUEST,VCPU,REASON,COUNT,KERNEL,VMM,BLOCKED,RUNQ,STATE,SINCE";
	if (width && width < WIDE)
		return is_throttled ?
		       "GUEST,NAME,REASON,COUNT,KERNEL,VMM,BLOCKED,RUNQ,THROTTLED,SHARE" :
		       "GUEST,NAME,REASON,COUNT,P99,KERNEL,VMM,HALTED,BLOCKED,RUNQ,SHARE";
	return options->vcpus ?
	       "GUEST,NAME,VCPU,LEVEL,REASON,COUNT,RATE,AVG,P99,KERNEL,VMM,VMM_SLEEP,HALTED,BLOCKED,RUNQ,THROTTLED,SHARE,STATE,SINCE" :
	       "GUEST,NAME,LEVEL,REASON,COUNT,RATE,AVG,P50,P99,KERNEL,VMM,VMM_SLEEP,HALTED,BLOCKED,RUNQ,THROTTLED,SHARE";
}

/* The state is shown beside the exit that it belongs to. */
static void fill_vcpu(struct value *row, const struct block *block,
		      const struct exit_cell *cell)
{
	struct vcpu_now now = vcpu_now(&block->vcpu->stats,
				       block->snapshot->taken_ns);

	row[COL_VCPU] = value_number(block->vcpu->id);
	if (now.cell != cell)
		return;
	row[COL_STATE] = value_text(vcpu_state_text(&now, block->snapshot->hold));
	row[COL_SINCE] = value_ns(now.for_ns);
}

static void fill_parts(struct value *row, const struct exit_cell *cell)
{
	int i;

	for (i = 0; i < NUM_PARTS; i++)
		row[COL_KERNEL + i] = value_ns(cell_part_ns(cell, i));
}

static void fill_row(struct value *row, const struct block *block,
		     const struct exit_cell *cell, uint64_t busy_ns)
{
	const struct guest *guest = &block->snapshot->guest;

	if (block->is_account) {
		row[COL_NAME] = value_text(guest->label);
	} else if (block->is_sum) {
		row[COL_GUEST] = value_text(guest->label);
	} else {
		row[COL_GUEST] = value_number(guest->id);
		row[COL_NAME] = value_text(guest->label);
		row[COL_PID] = value_number(guest->pid);
	}
	if (block->vcpu)
		fill_vcpu(row, block, cell);
	row[COL_LEVEL] = value_number(cell->key.level);
	row[COL_CODE] = value_number(cell->key.code);
	row[COL_COUNT] = value_number(cell->value[CELL_COUNT]);
	row[COL_RATE] = value_rate(cell->value[CELL_COUNT],
				   block->snapshot->interval_ns);
	row[COL_TOTAL] = value_ns(cell->value[CELL_TIME]);
	if (cell_completed(cell))
		row[COL_AVG] = value_ns(cell_avg_ns(cell));
	if (cell->has[CELL_MAX])
		row[COL_MAX] = value_ns(cell->value[CELL_MAX]);
	row[COL_P50] = value_percentile(cell, 50);
	row[COL_P90] = value_percentile(cell, 90);
	row[COL_P99] = value_percentile(cell, 99);
	if (cell_is_split(cell))
		fill_parts(row, cell);
	if (cell->has[CELL_STOLEN])
		row[COL_STOLEN] = value_ns(cell->value[CELL_STOLEN]);
	if (!cell_is_idle(cell))
		row[COL_SHARE] = value_ratio(cell_busy_ns(cell), busy_ns);
}

/* Where there is no room for the level, the reason has it: "L3 CPUID". */
static void fill_reason(struct value *row, const struct table *table, const struct exit_key *key)
{
	bool is_default = !table->chosen || *table->chosen == '+';

	row[COL_REASON] = is_default && !table_shows(table, COL_LEVEL) ?
			  (struct value){ VALUE_TEXT, .text = exit_label(key) } :
			  value_text(key->reason);
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
	struct value *row;
	size_t i;

	for (i = 0; i < stats->num_cells; i++) {
		if (is_empty(cells[i]))
			continue;
		row = table_add_row(table);
		fill_row(row, block, cells[i], busy_ns);
		fill_reason(row, table, &cells[i]->key);
	}
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

static void add_sum(struct table *table, const struct snapshot *snapshot)
{
	struct guest_snapshot sum;
	struct block block = { .snapshot = &sum, .is_sum = true };

	snapshot_sum(snapshot, &sum);
	add_block(table, &block);
	snapshot_free_sum(&sum);
}

/* The reasons of each, of guests that there are. */
static void add_accounts(struct table *table, const struct snapshot *snapshot)
{
	struct accounts accounts;
	size_t i;

	accounts_make(&accounts, snapshot, true);
	for (i = 0; i < accounts.num; i++) {
		struct guest_snapshot sum;
		struct block block = { .snapshot = &sum, .is_account = true };

		account_sum(accounts.v[i], snapshot, &sum);
		add_block(table, &block);
		snapshot_free_sum(&sum);
	}
	accounts_free(&accounts);
}

/* How much of each guest's time its exits spend in the hardware and L0. */
static void print_transit(const struct options *options, const struct snapshot *snapshot)
{
	struct transit transit;
	char *age;
	size_t i;

	transit_read(&options->env, &transit);
	if (!transit.is_known) {
		printf("\ntransit to L0 and back: not known, %s\n", transit.why);
		return;
	}
	age = format_ns(transit.age_ns);
	printf("\ntransit to L0 and back, estimated by what bench measured %s ago:\n", age);
	free(age);
	for (i = 0; i < snapshot->num_guests; i++) {
		const struct guest_snapshot *guest = &snapshot->guests[i];
		char *low, *high;
		double low_share, high_share;

		transit_of_guest(&transit, guest, &low_share, &high_share);
		low = format_percent(low_share);
		high = format_percent(high_share);
		terminal_print("%5llu %s: %s to %s of its time on a CPU\n",
			       (unsigned long long)guest->guest.id,
			       guest->guest.name, low, high);
		free(low);
		free(high);
	}
}

/* Nothing is said where no quota held anything back. */
static bool is_held_back(const struct snapshot *snapshot)
{
	uint64_t ns;
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++)
		if (snapshot_quota_ns(&snapshot->guests[i], &ns) && ns)
			return true;
	return false;
}

/* How much of each guest's time in RUNQ is due to CPU quotas. */
static void print_quotas(const struct snapshot *snapshot)
{
	size_t i;

	if (!is_held_back(snapshot))
		return;
	printf("\npart of RUNQ due to the CPU quota (cpu.max) of the VMM's cgroup or a parent:\n");
	for (i = 0; i < snapshot->num_guests; i++) {
		const struct guest_snapshot *guest = &snapshot->guests[i];
		uint64_t runq_ns = exits_part_ns(&guest->stats, PART_RUNQ), quota_ns;
		bool is_known = snapshot_quota_ns(guest, &quota_ns);
		char *quota = format_ns(quota_ns), *runq = format_ns(runq_ns);

		if (is_known)
			terminal_print("%5llu %s: at most %s of %s\n",
				       (unsigned long long)guest->guest.id,
				       guest->guest.name, quota, runq);
		else
			terminal_print("%5llu %s: unknown of %s\n",
				       (unsigned long long)guest->guest.id,
				       guest->guest.name, runq);
		free(quota);
		free(runq);
	}
}

static void add_transit(const struct options *options, const struct snapshot *snapshot,
			json_t *json)
{
	json_t *value = json_object(), *guests = json_array();
	struct transit transit;
	size_t i;

	transit_read(&options->env, &transit);
	json_set(value, "why_unknown", transit.is_known ? json_null() : json_text(transit.why));
	for (i = 0; transit.is_known && i < snapshot->num_guests; i++) {
		const struct guest_snapshot *guest = &snapshot->guests[i];
		json_t *one = json_object();
		double low, high;

		transit_of_guest(&transit, guest, &low, &high);
		json_set(one, "id", json_number(guest->guest.id));
		json_set(one, "low_ratio", json_real(low));
		json_set(one, "high_ratio", json_real(high));
		json_array_append_new(guests, one);
	}
	if (transit.is_known) {
		json_set(value, "low_ns", json_real(transit.low_ns));
		json_set(value, "high_ns", json_real(transit.high_ns));
		json_set(value, "age_ns", json_number(transit.age_ns));
	}
	json_set(value, "l2", guests);
	json_set(json, "transit", value);
}

static int show_json(const struct options *options, const struct host *host,
		     const struct snapshot *snapshot)
{
	json_t *json = json_snapshot(host, snapshot, JSON_REASONS |
				     (options->sum ? JSON_SUM : 0));

	if (options->by)
		json_set(json, "cgroups", json_accounts(snapshot));
	if (options->transit)
		add_transit(options, snapshot, json);
	return json_write(json);
}

static int show(const struct options *options, const struct host *host,
		const struct snapshot *snapshot, void *arg)
{
	const struct guest_snapshot **guests;
	struct table *table = options->table;
	size_t i;

	if (options->by)
		accounts_explain(snapshot, arg);
	if (options->json)
		return show_json(options, host, snapshot);
	table_set_defaults(table, default_columns(options, snapshot));
	if (options->by) {
		add_accounts(table, snapshot);
	} else if (options->sum) {
		add_sum(table, snapshot);
	} else {
		guests = snapshot_by_busy(snapshot);
		for (i = 0; i < snapshot->num_guests; i++)
			add_guest(table, guests[i], options->vcpus);
		free(guests);
	}
	if (!table->num_rows) {
		complain(snapshot->num_guests ? "no exits" : "no guests");
		return STATUS_OK;
	}
	if (table_print(table, &options->style) != STATUS_OK)
		return STATUS_FAILED;
	print_quotas(snapshot);
	if (options->transit)
		print_transit(options, snapshot);
	return STATUS_OK;
}

static int run(struct options *options)
{
	bool is_said = false;

	options->beside = true;
	options->tenants = options->charges = options->by;
	return intervals_show_words(options, show, &is_said);
}

static const struct option_spec own_options[] = {
	OPTION(FLAG, 0, "vcpus", NULL, vcpus, "show each vCPU separately, and what it is doing now"),
	OPTION(FLAG, 0, "sum", NULL, sum, "show the sum of all guests", .excludes = "vcpus"),
	OPTION(TEXT, 0, "by", "cgroup", by,
	       "show sums by tenant, and by control group for guests without\n"
	       "a tenant", .excludes = "vcpus"),
	OPTION(FLAG, 0, "transit", NULL, transit,
	       "also estimate the share of time that exits spend in L0, from\n"
	       "what l1tune bench --save measured"),
	{ }
};

const struct command cmd_stat = {
	.name = "stat",
	.synopsis = "[OPTION]... [GUEST]...",
	.summary = "show exits by guest and reason: count, rate, time, percentiles",
	.about = "Shows exits by guest and reason, since the guest's start or in intervals.",
	.run = run,
	.replays = REPLAYS_GUESTS,
	.options = own_options,
	.shared_options = OPTIONS_INTERVALS | OPTIONS_STATE | OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_GUESTS,
	.most_words = ANY_NUMBER,
	.columns = columns,
	.num_columns = NUM_COLS,
};
