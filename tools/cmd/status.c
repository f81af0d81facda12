// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/format.h"
#include "base/terminal.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/command.h"
#include "model/cell.h"
#include "model/json.h"
#include "model/snapshot.h"
#include "settings/limit-use.h"
#include "settings/limit-value.h"
#include "ui/intervals.h"

#define TOP_REASONS	3
#define LABEL_WIDTH	10

enum {
	COL_ID, COL_NAME, COL_VCPUS, COL_MEMORY, COL_EXITS, COL_BUSY, COL_HALTED,
	COL_RUNQ, COL_NESTED, COL_TOP, NUM_COLS
};

static const struct column columns[NUM_COLS] = {
	[COL_ID] = { .name = "ID" },
	[COL_NAME] = { "NAME", .is_text = true, .is_flexible = true },
	[COL_VCPUS] = { .name = "VCPUS" },
	[COL_MEMORY] = { .name = "MEMORY" },
	[COL_EXITS] = { .name = "EXITS" },
	[COL_BUSY] = { .name = "BUSY" },
	[COL_HALTED] = { .name = "HALTED" },
	[COL_RUNQ] = { .name = "RUNQ" },
	[COL_NESTED] = { "NESTED", .is_text = true },
	[COL_TOP] = { "TOP REASONS", .is_text = true, .is_flexible = true, .is_prose = true },
};

static void print_label(const char *label)
{
	printf("%s%-*s%s", terminal_bold(), LABEL_WIDTH, label, terminal_normal());
}

static void print_machine(const struct host *host)
{
	static const struct {
		const char *signature;
		const char *name;
	} hypervisors[] = {
		{ "KVMKVMKVM", "KVM" },
		{ "Microsoft Hv", "Hyper-V" },
		{ "VMwareVMware", "VMware" },
		{ "XenVMMXenVMM", "Xen" },
		{ "TCGTCGTCGTCG", "QEMU without KVM" },
	};
	const char *name = "a hypervisor";
	size_t i;

	print_label("L1");
	for (i = 0; i < ARRAY_SIZE(hypervisors); i++)
		if (!strcmp(host->hypervisor, hypervisors[i].signature))
			name = hypervisors[i].name;
	if (host->virtualized) {
		terminal_print("guest of %s (%s)", name, host->hypervisor);
	} else {
		printf("bare metal");
	}
	terminal_print(", isa %s, Linux %s\n", host->isa, host->kernel);
}

static void print_module(const struct host *host, const struct options *options)
{
	uint64_t age_ns = sub_clamped(boottime_ns(), host->loaded_ns);

	print_label("module");
	terminal_print("%s", host->module);
	if (strcmp(host->module, L1TUNE_VERSION))
		printf(" %s(the tool is %s)%s", terminal_warning(),
		       L1TUNE_VERSION, terminal_normal());
	if (options->style.bytes)
		printf(", loaded %llu ns ago\n", (unsigned long long)age_ns);
	else
		print_and_free(", loaded %s ago\n", format_ns(age_ns));
}

/* Is it for limits, and not for counting? */
static bool is_for_limits(const struct host_hook *hook)
{
	size_t i;

	for (i = 0; i < NUM_LIMITS; i++)
		if (!strcmp(limit_kinds[i].hook, hook->name))
			return true;
	return false;
}

/* Hooks that are not needed are off; all that are neither ok nor off are named. */
static void print_hooks(const struct host *host)
{
	size_t num_ok = 0, num_waiting = 0, num_named = 0, num_of_limits = 0, i;

	for (i = 0; i < host->num_hooks; i++) {
		num_ok += !strcmp(host->hooks[i].state, "ok");
		num_waiting += hook_waits_for_kvm(host->hooks[i].state);
	}
	print_label("hooks");
	if (num_ok)
		printf("%zu ok", num_ok);
	for (i = 0; i < host->num_hooks; i++) {
		const struct host_hook *hook = &host->hooks[i];

		if (!strcmp(hook->state, "ok") || !strcmp(hook->state, "off"))
			continue;
		num_of_limits += is_for_limits(hook) &&
				 !hook_waits_for_kvm(hook->state);
		printf("%s%s", num_ok + num_named++ ? ", " : "",
		       terminal_warning());
		terminal_print("%s %s", hook->name, hook->state);
		printf("%s", terminal_normal());
	}
	printf("%s\n", num_ok + num_named ? "" : "off");
	if (num_waiting)
		printf("%*shooks wait for KVM: run modprobe kvm_intel, or kvm_amd on an AMD CPU\n",
		       LABEL_WIDTH, "");
	if (num_named > num_waiting + num_of_limits)
		printf("%*scounts of these hooks are missing: see dmesg\n",
		       LABEL_WIDTH, "");
}

/* "max_vms=20 (use 3)", in red if nothing comes of it. */
static void print_limit(const struct limit *limit, const struct limit_use *use,
			const struct options *options)
{
	const struct limit_kind *kind = limit->kind;
	const char *before = "";

	printf("%s", limit_is_broken(limit) ? terminal_alarm() : "");
	if (limit->value != LIMIT_NONE) {
		printf("%s=", kind->name);
		print_and_free("%s", limit_format(kind, limit->value,
						  options->style.bytes));
		before = ", ";
	}
	if (limit->audit != LIMIT_NONE) {
		printf("%saudit.%s=", before, kind->name);
		print_and_free("%s", limit_format(kind, limit->audit,
						  options->style.bytes));
	}
	if (use->is_known)
		print_and_free(" (use %s)", limit_format(kind, use->value,
							 options->style.bytes));
	if (limit_is_broken(limit))
		printf(" not effective");
	else if (limit_is_waiting(limit))
		printf(" waiting");
	if (limit->are_counts_known && limit->denied)
		printf(", denied %llu", (unsigned long long)limit->denied);
	if (limit->are_counts_known && limit->would_deny)
		printf(", would have denied %llu",
		       (unsigned long long)limit->would_deny);
	printf("%s\n", limit_is_broken(limit) ? terminal_normal() : "");
}

/* Only those that are set; a module without limits has none. */
static int print_limits(const struct host *host, const struct options *options)
{
	struct limit_use uses[NUM_LIMITS];
	bool is_first = true, is_broken = false;
	struct limits limits;
	int status = limits_read(&options->env, host, &limits);
	size_t i;

	if (status != STATUS_OK)
		return status;
	limit_uses_read(&options->env, host, uses);
	for (i = 0; i < limits.num; i++) {
		const struct limit *limit = &limits.v[i];

		if (!limit_is_set(limit))
			continue;
		print_label(is_first ? "limits" : "");
		print_limit(limit, &uses[limit->kind - limit_kinds], options);
		is_first = false;
		is_broken |= limit_is_broken(limit);
	}
	if (is_broken)
		printf("%*sa limit that is not effective is not enforced: l1tune limits says why\n",
		       LABEL_WIDTH, "");
	return STATUS_OK;
}

static char *duration(uint64_t ns, const struct options *options)
{
	return options->style.bytes ?
	       xasprintf("%lluns", (unsigned long long)ns) : format_ns(ns);
}

/* Who spent the time from exit to entry, if the module counts that. */
static void print_parts(const struct host_counts *totals,
			const struct options *options)
{
	static const struct {
		const char *name;
		const char *format;
	} parts[] = {
		{ "kernel_time_ns", "%s in KVM" },
		{ "vmm_time_ns", ", %s in VMMs" },
		{ "runq_time_ns", ", %s without a CPU" },
		{ "halted_time_ns", "%s halted" },
		{ "vmm_sleep_time_ns", ", %s with the VMM asleep" },
		{ "blocked_time_ns", ", %s blocked" },
		{ "throttled_time_ns", ", %s throttled" },
	};
	const size_t first_asleep = 3;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (!host_has_count(totals, parts[i].name))
			return;
	print_label("breakdown");
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (i == first_asleep)
			printf(",\n%*s", LABEL_WIDTH, "");
		print_and_free(parts[i].format,
			       duration(host_count(totals, parts[i].name), options));
	}
	/* Not a part: it is in them, and in the time in guests. */
	if (host_has_count(totals, "stolen_time_ns"))
		print_and_free("; %s stolen by L0",
			       duration(host_count(totals, "stolen_time_ns"), options));
	putchar('\n');
}

static void print_totals(const struct host_counts *totals,
			 const struct options *options)
{
	static const char *const lost[] = {
		"unattributed", "untraced", "unpaired_entries", "lost_cells",
	};
	uint64_t unadmitted = host_count(totals, "nested_unadmitted");
	bool is_first = true;
	size_t i;

	print_label("exits");
	if (totals->are_withheld) {
		printf("not shown: only root and the group of the module parameter gid may read totals\n");
		return;
	}
	printf("%llu since load", (unsigned long long)host_count(totals, "exits"));
	print_and_free("; %s from exit to entry", duration(host_count(totals, "exit_time_ns"), options));
	print_and_free(", %s in guests\n", duration(host_count(totals, "guest_time_ns"), options));
	print_parts(totals, options);
	for (i = 0; i < ARRAY_SIZE(lost); i++) {
		uint64_t count = host_count(totals, lost[i]);

		if (!count)
			continue;
		if (is_first)
			print_label("lost");
		printf("%s%llu %s", is_first ? "" : ", ",
		       (unsigned long long)count, lost[i]);
		is_first = false;
	}
	if (!is_first)
		putchar('\n');
	if (unadmitted) {
		print_label("nested");
		printf("%llu vCPU%s ran a nested guest without a slot of max_nested_vms\n",
		       (unsigned long long)unadmitted, plural(unadmitted));
	}
}

static void print_counts(const struct host *host, const struct options *options)
{
	uint64_t memory = host_count(&host->usage, "memory_bytes");
	uint64_t vcpus = host_count(&host->usage, "vcpus");

	print_label("guests");
	printf("%llu with %llu vCPU%s", (unsigned long long)host_count(&host->usage, "vms"),
	       (unsigned long long)vcpus, plural(vcpus));
	if (options->style.bytes)
		printf(" and %llu bytes", (unsigned long long)memory);
	else
		print_and_free(" and %s", format_bytes(memory));
	printf(" of memory");
	if (host_has_count(&host->totals, "vms"))
		printf("; %llu since load",
		       (unsigned long long)host_count(&host->totals, "vms"));
	putchar('\n');
	print_totals(&host->totals, options);
}

/* "CPUID 62%, IO_INSTRUCTION 20%": the largest parts of the busy time. */
static char *top_reasons(const struct exit_stats *stats)
{
	const struct exit_cell **cells = exits_by_busy(stats);
	uint64_t busy_ns = exits_busy_ns(stats);
	char *text = xstrdup("");
	size_t i;

	for (i = 0; i < stats->num_cells && i < TOP_REASONS; i++) {
		char *label;

		if (!cell_busy_ns(cells[i]))
			break;
		label = exit_label(&cells[i]->key);
		append(&text, "%s%s %.0f%%", i ? ", " : "", label,
		       100.0 * cell_busy_ns(cells[i]) / busy_ns);
		free(label);
	}
	free(cells);
	return text;
}

static int print_guests(const struct snapshot *snapshot,
			const struct options *options)
{
	const struct guest_snapshot **guests;
	struct table table;
	bool is_split = false;
	int status;
	size_t i;

	if (!snapshot->num_guests)
		return STATUS_OK;
	for (i = 0; i < snapshot->num_guests; i++)
		is_split |= exits_are_split(&snapshot->guests[i].stats);
	status = table_init(&table, columns, NUM_COLS, is_split ?
			    "ID,NAME,VCPUS,MEMORY,EXITS,BUSY,HALTED,RUNQ,NESTED,TOP REASONS" :
			    "ID,NAME,VCPUS,MEMORY,EXITS,BUSY,TOP REASONS", NULL,
			    NULL, NULL);
	if (status != STATUS_OK)
		return status;
	guests = snapshot_by_busy(snapshot);
	for (i = 0; i < snapshot->num_guests; i++) {
		const struct guest *guest = &guests[i]->guest;
		struct value *row = table_add_row(&table);

		row[COL_ID] = value_number(guest->id);
		row[COL_NAME] = value_text(guest->label);
		row[COL_VCPUS] = value_number(guest->vcpus);
		row[COL_MEMORY] = value_bytes(guest->memory_bytes);
		row[COL_EXITS] = value_number(guest->exits);
		row[COL_BUSY] = value_ns(exits_busy_ns(&guests[i]->stats));
		if (exits_are_split(&guests[i]->stats)) {
			row[COL_HALTED] = value_ns(exits_part_ns(&guests[i]->stats,
							       PART_HALTED));
			row[COL_RUNQ] = value_ns(exits_part_ns(&guests[i]->stats,
							       PART_RUNQ));
		}
		if (*guest->nested)
			row[COL_NESTED] = value_text(guest->nested);
		row[COL_TOP] = (struct value) {
			VALUE_TEXT, .text = top_reasons(&guests[i]->stats)
		};
	}
	free(guests);
	putchar('\n');
	status = table_print(&table, &options->style);
	table_free(&table);
	return status;
}

/* What everybody may see comes first, and stays if guests may not be seen. */
static int show(const struct options *options, const struct host *host)
{
	const struct selection everything = { };
	const struct snapshot_request request = {
		.selection = &everything, .beside = options->json,
	};
	struct snapshot snapshot;
	int status = STATUS_OK, shown;

	if (!options->json) {
		print_machine(host);
		print_module(host, options);
		print_hooks(host);
		status = print_limits(host, options);
		print_counts(host, options);
	}
	if (status != STATUS_OK)
		return status;
	status = snapshot_take(&options->env, host, &request, &snapshot);
	if (options->json)
		shown = json_print(host, status == STATUS_OK ||
				   status == STATUS_FAILED ? &snapshot : NULL,
				   0);
	else
		shown = print_guests(&snapshot, options);
	snapshot_free(&snapshot);
	return status == STATUS_OK ? shown : status;
}

static int run(struct options *options)
{
	return intervals_show_host(options, show);
}

const struct command cmd_status = {
	.name = "status",
	.synopsis = "[OPTION]...",
	.summary = "show this host and its guests at a glance (the default)",
	.about = "Shows this host and its guests at a glance.",
	.run = run,
	.shared_options = OPTIONS_JSON,
};
