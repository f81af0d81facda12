// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/util.h"
#include "cmd/command.h"
#include "cmd/list.h"
#include "model/account.h"
#include "model/cell.h"
#include "model/json.h"
#include "model/nested.h"
#include "model/vcpu.h"
#include "ui/intervals.h"

static const struct column columns[NUM_LIST_COLS] = {
	[COL_ID] = { "ID", "id of the guest, never reused" },
	[COL_NAME] = { "NAME", "name from the VMM's command line or cgroup, or COMM; with INSTANCE if not unique",
		       .is_text = true, .is_flexible = true },
	[COL_NAME_SOURCE] = { "NAME_SOURCE", "where the name comes from",
			      .is_text = true },
	[COL_INSTANCE] = { "INSTANCE", "UUID, socket, disk or container; unique among guests of the same name",
			   .is_text = true, .is_flexible = true },
	[COL_PID] = { "PID", "PID of the VMM" },
	[COL_UID] = { "UID", "user who created the guest" },
	[COL_COMM] = { "COMM", "name of the VMM's process", .is_text = true },
	[COL_CGROUP] = { "CGROUP", "control group of the VMM",
			 .is_text = true, .is_flexible = true },
	[COL_VCPU_CGROUP] = { "VCPU_CGROUP", "control group of its vCPUs, if different",
			      .is_text = true, .is_flexible = true },
	[COL_AGE] = { "AGE", "time since the guest was created" },
	[COL_ADOPTED] = { "ADOPTED", "1 if it started before the module was loaded" },
	[COL_VCPUS] = { "VCPUS", "number of vCPUs" },
	[COL_MEMORY] = { "MEMORY", "size of its memory slots" },
	[COL_EXITS] = { "EXITS", "number of exits" },
	[COL_EXITS_S] = { "EXITS_S", "exits per second" },
	[COL_BUSY] = { "BUSY", "CPU time spent on its exits: KERNEL and VMM" },
	[COL_KERNEL] = { "KERNEL", "time on a CPU in KVM, polling included" },
	[COL_VMM] = { "VMM", "time on a CPU in the VMM" },
	[COL_VMM_SLEEP] = { "VMM_SLEEP", "time the VMM was asleep, as while a guest is paused" },
	[COL_HALTED] = { "HALTED", "time vCPUs were halted" },
	[COL_BLOCKED] = { "BLOCKED", "time asleep in KVM for another reason: a page, a mutex" },
	[COL_RUNQ] = { "RUNQ", "time runnable without a CPU" },
	[COL_THROTTLED] = { "THROTTLED", "time throttled by max_exits_per_sec" },
	[COL_STOLEN] = { "STOLEN", "time L0 took from the guest and its exits" },
	[COL_EXIT_TIME] = { "EXIT_TIME", "time from exits to entries, with HLT" },
	[COL_GUEST_TIME] = { "GUEST_TIME", "time in the guest itself" },
	[COL_P50] = { "P50", "half of its exits took no longer; HLT is left out" },
	[COL_P90] = { "P90", "90 % took no longer (powers of two)" },
	[COL_P99] = { "P99", "99 % took no longer" },
	[COL_NESTED] = { "NESTED", "guests inside it: off, on or running",
			 .is_text = true },
	[COL_L3_ENTRIES] = { "L3_ENTRIES", "entries of guests inside it" },
	[COL_L3_HANDLED] = { "L3_HANDLED", "their exits that L1 handled" },
	[COL_L3_LEFT] = { "L3_LEFT", "their exits that were reflected to it" },
	[COL_L3_FACTOR] = { "L3_FACTOR", "exits to L1 per reflected exit" },
	[COL_VCPU] = { "VCPU", "number of the vCPU, with --vcpus" },
	[COL_STATE] = { "STATE", "what the vCPU is doing now", .is_text = true },
	[COL_SINCE] = { "SINCE", "for how long" },
	[COL_QUOTA] = { "QUOTA", "part of RUNQ due to its cgroup's cpu.max, upper bound" },
	[COL_HELPERS] = { "HELPERS", "CPU time of its helper threads, upper bound; not in BUSY" },
	[COL_COST] = { "COST", "CPU time besides its own: KERNEL, VMM and HELPERS" },
	[COL_TENANT] = { "TENANT", "id of the tenant, with --by; for a guest, the innermost" },
	[COL_GUESTS] = { "GUESTS", "number of guests, with --by" },
	[COL_STARTED] = { "STARTED", "number of guests since it was defined, with --by" },
	[COL_REASON] = { "REASON", "the exit it is handling",
			 .is_text = true, .is_cut_last = true },
};

/* What one row shows: of a guest or a vCPU. */
struct counts {
	uint64_t interval_ns;
	uint64_t exits;
	uint64_t exit_time_ns;
	uint64_t guest_time_ns;
};

static void fill_counts(struct value *row, const struct exit_stats *stats,
			const struct counts *counts)
{
	uint64_t left = stats->value[STAT_L3_EXITS_LEFT];
	struct exit_cell total;
	int i;

	row[COL_EXITS] = value_number(counts->exits);
	row[COL_EXITS_S] = value_rate(counts->exits, counts->interval_ns);
	row[COL_EXIT_TIME] = value_ns(counts->exit_time_ns);
	row[COL_GUEST_TIME] = value_ns(counts->guest_time_ns);
	row[COL_BUSY] = value_ns(exits_busy_ns(stats));
	for (i = 0; i < NUM_PARTS && exits_are_split(stats); i++)
		row[COL_KERNEL + i] = value_ns(exits_part_ns(stats, i));
	if (stats->has[STAT_STOLEN])
		row[COL_STOLEN] = value_ns(stats->value[STAT_STOLEN]);
	exits_total(stats, &total);
	row[COL_P50] = value_percentile(&total, 50);
	row[COL_P90] = value_percentile(&total, 90);
	row[COL_P99] = value_percentile(&total, 99);
	if (!nested_is_known(stats))
		return;
	row[COL_L3_ENTRIES] = value_number(stats->value[STAT_L3_ENTRIES]);
	row[COL_L3_HANDLED] = value_number(stats->value[STAT_L3_EXITS_HANDLED]);
	row[COL_L3_LEFT] = value_number(left);
	row[COL_L3_FACTOR] = value_factor(nested_exits(stats), left);
}

static void fill_vcpu(struct value *row, const struct vcpu_snapshot *vcpu,
		      const struct guest_snapshot *snapshot)
{
	const struct exit_stats *stats = &vcpu->stats;
	struct vcpu_now now = vcpu_now(stats, snapshot->taken_ns);
	const struct counts counts = {
		.interval_ns = snapshot->interval_ns,
		.exits = stats->value[STAT_EXITS],
		.exit_time_ns = stats->value[STAT_EXIT_TIME],
		.guest_time_ns = stats->value[STAT_GUEST_TIME],
	};

	row[COL_VCPU] = value_number(vcpu->id);
	row[COL_STATE] = value_text(vcpu_state_text(&now, snapshot->hold));
	if (now.for_ns)
		row[COL_SINCE] = value_ns(now.for_ns);
	if (now.cell)
		row[COL_REASON] = (struct value) {
			VALUE_TEXT, .text = exit_label(&now.cell->key)
		};
	fill_counts(row, stats, &counts);
}

static void fill_beside(struct value *row, const struct guest_snapshot *snapshot)
{
	const struct tally *helpers = &snapshot->beside.helpers;
	uint64_t quota_ns, cost_ns;
	bool is_known = snapshot_quota_ns(snapshot, &quota_ns);

	row[COL_QUOTA] = value_ns_or_unknown(is_known, quota_ns);
	is_known = guest_cost_ns(snapshot, &cost_ns);
	row[COL_COST] = value_ns_or_unknown(is_known, cost_ns);
	row[COL_HELPERS] = value_ns_or_unknown(helpers->is_known, helpers->ns);
}

static void fill_guest(struct value *row, const struct guest_snapshot *snapshot)
{
	const struct guest *guest = &snapshot->guest;
	const struct counts counts = {
		.interval_ns = snapshot->interval_ns,
		.exits = guest->exits,
		.exit_time_ns = guest->exit_time_ns,
		.guest_time_ns = guest->guest_time_ns,
	};

	row[COL_ID] = value_number(guest->id);
	row[COL_NAME] = value_text(guest->label);
	row[COL_NAME_SOURCE] = value_text(guest->name_source);
	row[COL_INSTANCE] = value_text(guest->instance);
	row[COL_PID] = value_number(guest->pid);
	row[COL_UID] = value_number(guest->uid);
	row[COL_COMM] = value_text(guest->comm);
	row[COL_CGROUP] = value_text(guest->cgroup);
	row[COL_VCPU_CGROUP] = value_text(guest->vcpu_cgroup);
	/* For an adopted guest it is when the module found it. */
	row[COL_AGE] = value_ns_or_unknown(!guest->adopted, sub_clamped(snapshot->taken_ns,
									guest->created_ns));
	row[COL_ADOPTED] = value_number(guest->adopted);
	row[COL_VCPUS] = value_number(guest->vcpus);
	row[COL_MEMORY] = value_bytes(guest->memory_bytes);
	if (guest->num_tenants)
		row[COL_TENANT] = value_number(guest->tenants[guest->num_tenants - 1]);
	if (*guest->nested)
		row[COL_NESTED] = value_text(guest->nested);
	fill_counts(row, &snapshot->stats, &counts);
	fill_beside(row, snapshot);
}

/* With who spends the time, if that is known. */
static const char *default_columns(const struct options *options,
				   const struct snapshot *snapshot)
{
	bool is_interval = options->interval_ns, is_split = false;
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++)
		is_split |= exits_are_split(&snapshot->guests[i].stats);
	if (options->vcpus)
		return is_interval ?
		       "ID,NAME,VCPU,STATE,SINCE,REASON,EXITS_S,BUSY,VMM,BLOCKED,RUNQ" :
		       "ID,NAME,VCPU,STATE,SINCE,REASON,EXITS,BUSY,VMM,BLOCKED,RUNQ";
	if (is_split)
		return is_interval ?
		       "ID,NAME,PID,VCPUS,MEMORY,NESTED,EXITS_S,BUSY,VMM,BLOCKED,RUNQ" :
		       "ID,NAME,PID,VCPUS,MEMORY,NESTED,EXITS,BUSY,VMM,BLOCKED,RUNQ";
	return is_interval ? "ID,NAME,PID,VCPUS,MEMORY,EXITS_S,BUSY" :
			     "ID,NAME,PID,VCPUS,MEMORY,EXITS,BUSY";
}

static void add_guest(struct table *table, const struct guest_snapshot *snapshot,
		      bool vcpus)
{
	size_t i;

	if (!vcpus) {
		fill_guest(table_add_row(table), snapshot);
		return;
	}
	for (i = 0; i < snapshot->num_vcpus; i++) {
		struct value *row = table_add_row(table);

		row[COL_ID] = value_number(snapshot->guest.id);
		row[COL_NAME] = value_text(snapshot->guest.label);
		row[COL_PID] = value_number(snapshot->guest.pid);
		fill_vcpu(row, &snapshot->vcpus[i], snapshot);
	}
}

static int show(const struct options *options, const struct host *host,
		const struct snapshot *snapshot, void *arg)
{
	const struct guest_snapshot **guests;
	size_t i;

	(void)arg;
	if (options->json)
		return json_print(host, snapshot, 0);
	if (!snapshot->num_guests) {
		complain("no guests; VMs without vCPUs are listed with -a");
		return STATUS_OK;
	}
	table_set_defaults(options->table, default_columns(options, snapshot));
	guests = snapshot_by_busy(snapshot);
	for (i = 0; i < snapshot->num_guests; i++)
		add_guest(options->table, guests[i], options->vcpus);
	free(guests);
	return table_print(options->table, &options->style);
}

static int run(struct options *options)
{
	bool is_said = false;

	/* The default columns of guests do not need it. */
	options->beside = options->by || options->json || options->columns || options->sort;
	options->tenants = options->by;
	options->charges = options->by || options->columns || options->sort;
	/* As the module counts them. */
	options->all |= !!options->by;
	return intervals_show_words(options, options->by ? list_accounts : show, &is_said);
}

static const struct option_spec own_options[] = {
	OPTION(FLAG, 'a', "all", NULL, all, "also list VMs without vCPUs (probes)"),
	OPTION(FLAG, 0, "vcpus", NULL, vcpus, "list vCPUs, and what each is doing now"),
	OPTION(TEXT, 0, "by", "cgroup", by,
	       "list tenants, and control groups of guests without a tenant",
	       .excludes = "vcpus"),
	{ }
};

const struct command cmd_list = {
	.name = "list",
	.synopsis = "[OPTION]... [GUEST]...",
	.summary = "list guests: id, name, pid, vCPUs, memory, exits, busy time",
	.about = "Lists guests, busiest first.",
	.run = run,
	.replays = REPLAYS_GUESTS,
	.options = own_options,
	.shared_options = OPTIONS_INTERVALS | OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_GUESTS,
	.most_words = ANY_NUMBER,
	.columns = columns,
	.num_columns = NUM_LIST_COLS,
};
