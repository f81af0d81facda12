// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "cell.h"
#include "cmd.h"
#include "json.h"
#include "util.h"
#include "watch.h"

enum {
	COL_ID, COL_NAME, COL_NAME_SOURCE, COL_PID, COL_UID, COL_COMM,
	COL_CGROUP, COL_AGE, COL_ADOPTED, COL_VCPUS, COL_MEMORY, COL_EXITS,
	COL_EXITS_S, COL_BUSY, COL_EXIT_TIME, COL_GUEST_TIME, NUM_COLS
};

static const struct column columns[NUM_COLS] = {
	[COL_ID] = { "ID", "number of the guest, never used again" },
	[COL_NAME] = { "NAME", "name from the VMM's command line, or COMM",
		       .is_text = true, .is_flexible = true },
	[COL_NAME_SOURCE] = { "NAME_SOURCE", "where the name comes from",
			      .is_text = true },
	[COL_PID] = { "PID", "process of the VMM" },
	[COL_UID] = { "UID", "user who created the guest" },
	[COL_COMM] = { "COMM", "name of that process", .is_text = true },
	[COL_CGROUP] = { "CGROUP", "control group of that process",
			 .is_text = true, .is_flexible = true },
	[COL_AGE] = { "AGE", "time since the guest was created" },
	[COL_ADOPTED] = { "ADOPTED", "1 if it is older than the module" },
	[COL_VCPUS] = { "VCPUS", "number of vCPUs" },
	[COL_MEMORY] = { "MEMORY", "size of its memory slots" },
	[COL_EXITS] = { "EXITS", "number of exits" },
	[COL_EXITS_S] = { "EXITS_S", "exits per second" },
	[COL_BUSY] = { "BUSY", "time spent on its exits, idle HLT left out" },
	[COL_EXIT_TIME] = { "EXIT_TIME", "time from exits to entries, with HLT" },
	[COL_GUEST_TIME] = { "GUEST_TIME", "time in the guest itself" },
};

static void fill_row(struct value *row, const struct guest_snapshot *snapshot)
{
	const struct guest *guest = &snapshot->guest;

	row[COL_ID] = value_number(guest->id);
	row[COL_NAME] = value_text(guest->name);
	row[COL_NAME_SOURCE] = value_text(guest->name_source);
	row[COL_PID] = value_number(guest->pid);
	row[COL_UID] = value_number(guest->uid);
	row[COL_COMM] = value_text(guest->comm);
	row[COL_CGROUP] = value_text(guest->cgroup);
	row[COL_AGE] = value_ns(sub_clamped(snapshot->taken_ns, guest->created_ns));
	row[COL_ADOPTED] = value_number(guest->adopted);
	row[COL_VCPUS] = value_number(guest->vcpus);
	row[COL_MEMORY] = value_bytes(guest->memory_bytes);
	row[COL_EXITS] = value_number(guest->exits);
	row[COL_EXITS_S] = value_rate(guest->exits, snapshot->interval_ns);
	row[COL_BUSY] = value_ns(exits_busy_ns(&snapshot->stats));
	row[COL_EXIT_TIME] = value_ns(guest->exit_time_ns);
	row[COL_GUEST_TIME] = value_ns(guest->guest_time_ns);
}

static int show(const struct options *options, const struct host *host,
		const struct snapshot *snapshot, void *arg)
{
	const struct guest_snapshot **guests;
	struct table *table = arg;
	size_t i;

	if (options->json)
		return json_print(host, snapshot, false);
	if (!snapshot->num_guests) {
		complain("no guests; VMs without vCPUs are listed with -a");
		return STATUS_OK;
	}
	guests = snapshot_by_busy(snapshot);
	for (i = 0; i < snapshot->num_guests; i++)
		fill_row(table_add_row(table), guests[i]);
	free(guests);
	return table_print(table, &options->style);
}

static void print_help(void)
{
	printf("Usage: l1tune list [OPTION]... [GUEST]...\n\n"
	       "Lists guests, those that cost most first.\n\nOptions:\n"
	       "  -a, --all             VMs without vCPUs too (probes)\n");
	options_print_table();
	options_print_common();
	table_print_columns(columns, NUM_COLS);
}

int cmd_list(int argc, char *argv[], struct options *options)
{
	struct selection selection;
	struct table table;
	int status;

	status = options_parse(options, argc, argv,
			       OPTIONS_COMMON | OPTIONS_TABLE | OPTIONS_ALL);
	if (status != STATUS_OK)
		return status;
	if (options->help) {
		print_help();
		return STATUS_OK;
	}
	status = table_init(&table, columns, NUM_COLS, options->interval_ns ?
			    "ID,NAME,PID,VCPUS,MEMORY,EXITS_S,BUSY" :
			    "ID,NAME,PID,VCPUS,MEMORY,EXITS,BUSY",
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
