// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/command.h"
#include "cmd/nested-controls.h"
#include "cmd/nested.h"
#include "explain/l3.h"
#include "model/json.h"
#include "ui/sentences.h"
#include "ui/intervals.h"

enum {
	COL_ID, COL_NAME, COL_PID, COL_VCPU, COL_OFFERED, COL_STATE, COL_IN_L3, COL_ENTRIES,
	COL_FAILED, COL_PAGING, COL_UNKEPT, COL_EXITS, COL_EXITS_S, COL_HANDLED, COL_REFLECTED,
	COL_FACTOR,
	/* From here on those of exits by reason alone. */
	COL_REASON, COL_COUNT, COL_TRIPS, COL_TRIP, COL_TRIP_TIME, COL_SHARE, NUM_COLS
};

#define VCPU_COLUMNS \
	"ID,NAME,VCPU,STATE,IN_L3,ENTRIES,FAILED,EXITS,HANDLED,REFLECTED,FACTOR,PAGING"
#define REASON_COLUMNS	"REASON,COUNT,HANDLED,REFLECTED,TRIP,FACTOR,TRIP_TIME,SHARE"

static const struct column columns[NUM_COLS] = {
	[COL_ID] = { "ID", "id of the guest" },
	[COL_NAME] = { "NAME", "its name", .is_text = true, .is_flexible = true },
	[COL_PID] = { "PID", "PID of its VMM" },
	[COL_VCPU] = { "VCPU", "number of the vCPU" },
	[COL_OFFERED] = { "OFFERED", "whether its CPUID offers VMX or SVM: yes or no", .is_text = true },
	[COL_STATE] = { "STATE", "off; on: VMX or SVM is on; running: in L3", .is_text = true },
	[COL_IN_L3] = { "IN_L3", "time since it was entered from L2, if it is in L3" },
	[COL_ENTRIES] = { "ENTRIES", "entries of L2 into L3" },
	[COL_FAILED] = { "FAILED", "entries that KVM refused; not in ENTRIES" },
	[COL_PAGING] = { "PAGING", "page tables of L3: nested (EPT, NPT) or shadow", .is_text = true },
	[COL_UNKEPT] = { "UNKEPT", "reflected exits whose reason was not kept" },
	[COL_EXITS] = { "EXITS", "exits of L3" },
	[COL_EXITS_S] = { "EXITS_S", "exits of L3 per second" },
	[COL_HANDLED] = { "HANDLED", "of these, exits that L1 handled" },
	[COL_REFLECTED] = { "REFLECTED", "of these, exits that were reflected to L2" },
	[COL_FACTOR] = { "FACTOR", "exits of L2 per reflected exit, until L3 is entered" },
	[COL_REASON] = { "REASON", "exit reason of L3", .is_text = true, .is_cut_last = true },
	[COL_COUNT] = { "COUNT", "exits of L3 for this reason" },
	[COL_TRIPS] = { "TRIPS", "round trips: reflected, and L3 was entered again" },
	[COL_TRIP] = { "TRIP", "average time of a round trip, L2's work included" },
	[COL_TRIP_TIME] = { "TRIP_TIME", "time of all round trips" },
	[COL_SHARE] = { "SHARE", "share of the round trips' time; HLT, which waits, has none" },
};

/* An exit whose reason was not kept does not count as handled. */
static void fill_exits(struct value *row, const struct guest_snapshot *guest,
		       const struct l3_exits *exits)
{
	row[COL_EXITS] = row[COL_COUNT] = value_number(exits->count);
	row[COL_EXITS_S] = value_rate(exits->count, guest->interval_ns);
	row[COL_HANDLED] = value_number(l3_handled(exits));
	row[COL_REFLECTED] = value_number(exits->reflected);
	row[COL_FACTOR] = value_factor(exits->trip_exits, exits->trips);
	row[COL_TRIPS] = value_number(exits->trips);
	if (exits->trips)
		row[COL_TRIP] = value_ns(exits->trip_ns / exits->trips);
	row[COL_TRIP_TIME] = value_ns(exits->trip_ns);
}

static void fill_guest(struct value *row, const struct guest *guest)
{
	row[COL_ID] = value_number(guest->id);
	row[COL_NAME] = value_text(guest->label);
	row[COL_PID] = value_number(guest->pid);
}

static struct value value_offer(enum l3_offer offer)
{
	return offer == L3_OFFER_UNKNOWN ? (struct value){ VALUE_UNKNOWN } :
					   value_text(offer == L3_OFFER_YES ? "yes" : "no");
}

static void fill_unknown(struct value *row)
{
	size_t i;

	for (i = COL_OFFERED; i < COL_REASON; i++)
		row[i] = (struct value){ VALUE_UNKNOWN };
}

static void fill_vcpu(struct value *row, const struct guest_snapshot *guest,
		      const struct vcpu_snapshot *vcpu)
{
	const struct l3_vcpu *l3 = &vcpu->l3;
	const struct l3_counts *counts = &l3->counts;
	struct l3_exits total;

	fill_guest(row, &guest->guest);
	row[COL_VCPU] = value_number(vcpu->id);
	if (!l3->is_known) {
		fill_unknown(row);
		return;
	}
	l3_counts_total(counts, &total);
	fill_exits(row, guest, &total);
	row[COL_OFFERED] = value_offer(l3->offer);
	row[COL_STATE] = value_text(l3->state);
	if (l3->is_in_l3)
		row[COL_IN_L3] = value_ns_or_unknown(l3->has_in_l3_ns, l3->in_l3_ns);
	row[COL_ENTRIES] = value_number(counts->entries);
	row[COL_FAILED] = counts->is_failed_known ? value_number(counts->failed) :
						    (struct value){ VALUE_UNKNOWN };
	if (strcmp(l3->paging, "unknown"))
		row[COL_PAGING] = value_text(l3->paging);
	else if (counts->entries)
		row[COL_PAGING] = (struct value){ VALUE_UNKNOWN };
	row[COL_UNKEPT] = value_number(counts->unkept);
}

static void add_vcpus(struct table *table, const struct guest_snapshot *guest)
{
	size_t i;

	for (i = 0; i < guest->num_vcpus; i++)
		if (l3_is_user(&guest->vcpus[i].l3) || !guest->vcpus[i].l3.is_known)
			fill_vcpu(table_add_row(table), guest, &guest->vcpus[i]);
}

static void add_reasons(struct table *table, const struct guest_snapshot *guest,
			const struct l3_counts *counts)
{
	const struct l3_exits **exits = l3_by_time(counts);
	uint64_t busy_ns = l3_busy_ns(counts);
	size_t i;

	for (i = 0; i < counts->num_exits; i++) {
		struct value *row = table_add_row(table);

		fill_guest(row, &guest->guest);
		row[COL_REASON] = value_text(exits[i]->reason);
		fill_exits(row, guest, exits[i]);
		if (!l3_is_halt(exits[i]))
			row[COL_SHARE] = value_ratio(exits[i]->trip_ns, busy_ns);
	}
	free(exits);
}

static void print_failures(const struct l3_counts *counts)
{
	const char *title = "refused";
	size_t i;

	for (i = 0; i < counts->num_failures; i++) {
		const struct l3_failure *failure = &counts->failures[i];

		if (failure->message)
			terminal_print("%-11s%" PRIu64 " with error %" PRIu64 ": %s\n", title,
				       failure->count, failure->error, failure->message);
		else
			printf("%-11s%" PRIu64 " for other reasons\n", title, failure->count);
		title = "";
	}
	if (counts->failed && !counts->are_failures_known)
		printf("%-11s%" PRIu64 "; the module does not say why\n", title, counts->failed);
}

static void print_vmx_errors(const struct l3_counts *counts)
{
	const char *title = "vmx errors";
	size_t i;

	for (i = 0; i < VMX_ERRORS; i++) {
		if (!counts->vmx_errors[i])
			continue;
		printf("%-11s%" PRIu64 " with error %zu, %s: %s\n", title, counts->vmx_errors[i], i,
		       vmx_error_name(i) ? vmx_error_name(i) : "which is not defined",
		       vmx_error_text(i) ? vmx_error_text(i) : "KVM has no such number");
		title = "";
	}
}

static void print_findings(const struct guest_snapshot *guest, bool is_interval,
			   const struct guest_controls *controls)
{
	struct sentences findings = { };

	l3_explain(guest, is_interval, &findings);
	guest_controls_explain(controls, &findings);
	sentences_print("findings", &findings);
	sentences_free(&findings);
}

/* What there is of a guest but its vCPUs. */
static int print_guest(struct options *options, const struct guest_snapshot *guest,
		       bool is_interval)
{
	char *label = escape_for_terminal(guest->guest.label);
	struct table *table = options->table;
	struct guest_controls controls;
	int status = STATUS_OK;
	struct l3_counts counts;

	l3_sum(guest, &counts);
	printf("\n%sl2-%" PRIu64 "%s %s: exits of the guests inside it\n", terminal_bold(),
	       guest->guest.id, terminal_normal(), label);
	free(label);
	add_reasons(table, guest, &counts);
	table->is_later = false;
	if (table->num_rows)
		status = table_print(table, &options->style);
	else
		printf("none\n");
	table->is_later = true;
	print_failures(&counts);
	print_vmx_errors(&counts);
	guest_controls_load(&options->env, guest, &controls);
	guest_controls_print(guest, &controls);
	print_findings(guest, is_interval, &controls);
	guest_controls_free(&controls);
	l3_counts_free(&counts);
	return status;
}

/* Were columns chosen that only exits by reason have? */
static bool is_by_reason(const struct options *options)
{
	const struct table *table = options->table;
	size_t i;

	for (i = 0; options->columns && i < table->num_shown; i++)
		if (table->shown[i] >= COL_REASON)
			return true;
	return false;
}

static int print_reasons(struct options *options, const struct snapshot *snapshot)
{
	struct table *table = options->table;
	struct l3_counts counts;
	size_t i;

	table_set_defaults(table, "ID,NAME," REASON_COLUMNS);
	for (i = 0; i < snapshot->num_guests; i++) {
		l3_sum(&snapshot->guests[i], &counts);
		add_reasons(table, &snapshot->guests[i], &counts);
		l3_counts_free(&counts);
	}
	if (table->num_rows)
		return table_print(table, &options->style);
	complain("no exits of guests inside guests");
	return STATUS_OK;
}

static int print_all(struct options *options, const struct snapshot *snapshot)
{
	struct table *table = options->table;
	int status = STATUS_OK;
	size_t i;

	table_set_defaults(table, VCPU_COLUMNS);
	for (i = 0; i < snapshot->num_guests; i++)
		add_vcpus(table, &snapshot->guests[i]);
	if (table->num_rows)
		status = table_print(table, &options->style);
	else if (options->columns || !options->num_words)
		complain("no vCPU is known to be offered VMX or SVM, or to use it");
	if (options->columns || !options->num_words)
		return status;
	table_set_defaults(table, REASON_COLUMNS);
	for (i = 0; i < snapshot->num_guests && status == STATUS_OK; i++)
		status = print_guest(options, &snapshot->guests[i], snapshot->is_interval);
	return status;
}

static int print_json(const struct options *options, const struct host *host,
		      const struct snapshot *snapshot)
{
	json_t *json = json_document(host, &snapshot->time, snapshot->interval_ns);

	json_set(json, "nested",
		 nested_to_json(options->num_words ? &options->env : NULL, snapshot));
	return json_write(json);
}

static bool is_any_known(const struct snapshot *snapshot)
{
	size_t i, j;

	for (i = 0; i < snapshot->num_guests; i++)
		for (j = 0; j < snapshot->guests[i].num_vcpus; j++)
			if (snapshot->guests[i].vcpus[j].l3.is_known)
				return true;
	return false;
}

static int show(const struct options *options, const struct host *host,
		const struct snapshot *snapshot, void *arg)
{
	int status = STATUS_OK;

	if (!snapshot->num_guests)
		complain("no guests");
	else if (!is_any_known(snapshot))
		status = env_complain_older(&options->env, "l2-<id>/vcpu<n>/nested");
	if (options->json)
		return print_json(options, host, snapshot) == STATUS_OK ? status : STATUS_FAILED;
	if (!snapshot->num_guests || status != STATUS_OK)
		return status;
	return is_by_reason(options) ? print_reasons(arg, snapshot) : print_all(arg, snapshot);
}

static int run(struct options *options)
{
	options->vcpus = true;
	options->l3 = true;
	return intervals_show_words(options, show, options);
}

const struct command cmd_nested = {
	.name = "nested",
	.synopsis = "[OPTION]... [GUEST]...",
	.summary = "show guests that run guests: entries, refused entries, exits and cost",
	.about = "Shows vCPUs that are offered VMX or SVM, or use it: entries into guests inside\n"
		 "(L3), and exits of these that this machine handled or reflected to L2.\n"
		 "With GUEST also exits by reason, refused entries, failed VMX instructions, the\n"
		 "controls of its VMCS or VMCB, and what stands out.\n"
		 "With -o it prints one table, by reason if one of the columns is by reason.",
	.run = run,
	.shared_options = OPTIONS_INTERVALS | OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_GUESTS,
	.most_words = ANY_NUMBER,
	.columns = columns,
	.num_columns = NUM_COLS,
	.default_columns = VCPU_COLUMNS,
};
