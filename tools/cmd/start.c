// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/format.h"
#include "base/sysfs.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/command.h"
#include "cmd/start.h"
#include "model/host.h"
#include "model/json.h"
#include "model/select.h"
#include "model/start.h"
#include "ui/sentences.h"

#define LIST_COLUMNS	"ID,NAME,STATE,TOTAL,SETUP,ENTRY,FIRMWARE,BOOT"
#define PHASE_COLUMNS	"PHASE,TIME,SHARE,GUEST,EXITS,FAULTS,KVM,VMM,VMM_SLEEP,HALTED,BLOCKED,RUNQ"
/* What a terminal of 80 columns has room for. */
#define NARROW_COLUMNS	"PHASE,TIME,SHARE,GUEST,EXITS,FAULTS,KVM,VMM,BLOCKED,RUNQ"
#define WIDE		100
#define COMPARE_COLUMNS	"PHASE,REASON,TIME_A,TIME_B,DIFF"

static const struct column columns[NUM_COLS] = {
	[COL_ID] = { "ID", "id of the guest, never reused" },
	[COL_NAME] = { "NAME", "its name; of a guest that ended, its VMM's", .is_text = true,
		       .is_flexible = true },
	[COL_PID] = { "PID", "PID of the VMM" },
	[COL_UID] = { "UID", "user who created the guest" },
	[COL_STATE] = { "STATE", "started, starting, ended (before it had started) or unknown",
			.is_text = true },
	[COL_UNTIL] = { "UNTIL", "what ends the start: idle, or a port", .is_text = true },
	[COL_TOTAL] = { "TOTAL", "time from KVM_CREATE_VM, so far if it is starting" },
	[COL_SETUP] = { "SETUP", "time to the first KVM_RUN: the VMM" },
	[COL_ENTRY] = { "ENTRY", "from there to the first entry into the guest: KVM" },
	[COL_FIRMWARE] = { "FIRMWARE", "from there until the guest turned paging on" },
	[COL_BOOT] = { "BOOT", "from there to its first halt, or the port" },
	[COL_PHASE] = { "PHASE", "with GUEST: the phase", .is_text = true },
	[COL_REASON] = { "REASON", "with --compare: exit reason", .is_text = true },
	[COL_TIME] = { "TIME", "how long the phase took" },
	[COL_SHARE] = { "SHARE", "part of the whole start" },
	[COL_GUEST] = { "GUEST", "time the boot vCPU was in the guest" },
	[COL_EXITS] = { "EXITS", "its exits" },
	[COL_FAULTS] = { "FAULTS", "its EPT violations or nested page faults" },
	[COL_KVM] = { "KVM", "time of its exits on a CPU in KVM" },
	[COL_VMM] = { "VMM", "time of them on a CPU in the VMM" },
	[COL_VMM_SLEEP] = { "VMM_SLEEP", "time the VMM was asleep" },
	[COL_HALTED] = { "HALTED", "time halted: firmware or a loader that waits" },
	[COL_BLOCKED] = { "BLOCKED", "time asleep in KVM for another reason: a page, a mutex" },
	[COL_RUNQ] = { "RUNQ", "time runnable without a CPU" },
	[COL_THROTTLED] = { "THROTTLED", "time throttled by max_exits_per_sec" },
	[COL_TIME_A] = { "TIME_A", "with --compare: time of A" },
	[COL_TIME_B] = { "TIME_B", "with --compare: time of B" },
	[COL_DIFF] = { "DIFF", "how much more B took", .is_text = true },
	[COL_TENANT] = { "TENANT", "with --by: id of the tenant" },
	[COL_CGROUP] = { "CGROUP", "with --by: its cgroup or pattern; * for all guests",
			 .is_text = true, .is_flexible = true },
	[COL_STARTED] = { "STARTED", "guests that have started, with --by" },
	[COL_ENDED] = { "ENDED", "guests that ended before they had started, with --by" },
	[COL_P50] = { "P50", "half of the starts took less" },
	[COL_P90] = { "P90", "90 % took less" },
	[COL_P99] = { "P99", "99 % took less" },
};

static struct value value_phase(const struct start *start, const struct start_phase *phase)
{
	if (phase->is_known)
		return value_ns(phase->ns);
	return (struct value){ phase == &start->phases[START_ENTRY] &&
			       start->phases[START_FIRMWARE].is_known ?
			       VALUE_UNKNOWN : VALUE_NONE };
}

static void fill_row(struct value *row, const struct start *start)
{
	size_t i;

	row[COL_ID] = value_number(start->guest.id);
	row[COL_NAME] = value_text(start->guest.label);
	row[COL_PID] = value_number(start->guest.pid);
	row[COL_UID] = value_number(start->guest.uid);
	row[COL_STATE] = value_text(start->state);
	if (start->until[0])
		row[COL_UNTIL] = value_text(start->until);
	row[COL_TOTAL] = value_ns_or_unknown(start->phases[START_SETUP].is_known,
					     start_total_ns(start));
	for (i = 0; i < NUM_START_PHASES; i++)
		row[COL_SETUP + i] = value_phase(start, &start->phases[i]);
}

static void fill_phase(struct value *row, const struct start *start, size_t i)
{
	const struct start_phase *phase = &start->phases[i];
	size_t part;

	row[COL_PHASE] = value_text(start_phase_names[i]);
	row[COL_TIME] = value_phase(start, phase);
	if (phase->is_known)
		row[COL_SHARE] = value_ratio(phase->ns, start_total_ns(start));
	if (!phase->has_guest)
		return;
	row[COL_GUEST] = value_ns(phase->guest_ns);
	row[COL_EXITS] = value_number(start_exits(phase));
	row[COL_FAULTS] = value_number(start_faults(phase));
	for (part = 0; part < NUM_PARTS; part++)
		row[COL_KVM + part] = value_ns(start_part_ns(phase, part));
}

/* Which part of a reason's time is the largest. */
static enum time_part largest_part(const struct start_reason *reason)
{
	enum time_part part, most = PART_KERNEL;

	for (part = 0; part < NUM_PARTS; part++)
		if (reason->parts_ns[part] > reason->parts_ns[most])
			most = part;
	return most;
}

static char *cost_text(const struct start_cost *cost)
{
	static const char *const in_part[NUM_PARTS] = {
		[PART_KERNEL] = "in KVM", [PART_VMM] = "in the VMM",
		[PART_VMM_SLEEP] = "with the VMM asleep", [PART_HALTED] = "halted",
		[PART_BLOCKED] = "blocked", [PART_RUNQ] = "without a CPU",
		[PART_THROTTLED] = "throttled",
	};
	const char *phase = start_phase_names[cost->phase];
	enum time_part part;
	char *label, *ns, *text;

	if (cost->is_guest)
		return xasprintf("the guest itself, in %s", phase);
	if (!cost->reason)
		return xstrdup(cost->phase == START_SETUP ?
			       "the VMM, before its first KVM_RUN" :
			       "KVM, before the first entry");
	part = largest_part(cost->reason);
	label = exit_label(&cost->reason->key);
	ns = format_ns(cost->reason->parts_ns[part]);
	text = xasprintf("%" PRIu64 " %s in %s, %s of it %s", cost->reason->count, label, phase,
			 ns, in_part[part]);
	free(label);
	free(ns);
	return text;
}

static void print_costs(const struct start *start)
{
	struct start_cost costs[MOST_COSTS];
	size_t i, num = start_costs(start, costs, MOST_COSTS);

	for (i = 0; i < num; i++) {
		char *ns = format_ns(costs[i].ns), *text = cost_text(&costs[i]);
		char *share = format_percent((double)costs[i].ns / start_total_ns(start));
		char *safe = escape_for_terminal(text);

		printf("%-11s%8s %5s  %s\n", i ? "" : "most time", ns, share, safe);
		free(ns);
		free(text);
		free(safe);
		free(share);
	}
}

/* What a VMM does in these parts of the setup is the same for most of them. */
static void print_setup(const struct start *start)
{
	char *memory, *vcpu, *text;
	struct start_cost most;

	if (!start_costs(start, &most, 1) || most.phase != START_SETUP || !start->memory_ns ||
	    !start->vcpu_ns)
		return;
	memory = format_ns(start->memory_ns);
	vcpu = format_ns(start->vcpu_ns);
	text = xasprintf("the guest had memory after %s, which takes long if the VMM allocates all of it first, and a vCPU after %s; then the VMM makes devices (VFIO and vhost-user map all memory) and loads firmware, a kernel or a snapshot",
			 memory, vcpu);
	sentence_print("setup", text);
	free(text);
	free(memory);
	free(vcpu);
}

static void print_spread(const struct start *start, const struct start_list *list)
{
	struct start_spread spread;
	char *p50, *p90, *p99, *max, *name;

	start_spread_of(list, start->guest.name, &spread);
	if (spread.num + spread.num_ended < 2)
		return;
	name = escape_for_terminal(start->guest.name);
	p50 = format_ns(spread.p50_ns);
	p90 = format_ns(spread.p90_ns);
	p99 = format_ns(spread.p99_ns);
	max = format_ns(spread.max_ns);
	printf("%-11s%zu of name %s", "all starts", spread.num, name);
	if (spread.num)
		printf(": 50%% in at most %s, 90%% in %s, 99%% in %s, the slowest in %s", p50, p90,
		       p99, max);
	if (spread.num_ended)
		printf("; %zu ended before they had started", spread.num_ended);
	printf("\n");
	free(p50);
	free(p90);
	free(p99);
	free(max);
	free(name);
}

static void print_head(const struct start *start)
{
	char *name = escape_for_terminal(start->guest.label);
	char *total = format_ns(start_total_ns(start));

	printf("%sl2-%" PRIu64 "%s %s, PID %" PRIu64 ": ", terminal_bold(), start->guest.id,
	       terminal_normal(), name, start->guest.pid);
	if (!strcmp(start->state, "unknown"))
		printf("how it started is unknown: it is older than the module, or a hook is missing\n");
	else if (!strcmp(start->state, "starting"))
		printf("still starting after %s, until %s\n", total,
		       start->until[0] == 'i' ? "it is idle" : start->until);
	else if (!strcmp(start->state, "ended"))
		printf("ended after %s, before it had started\n", total);
	else
		printf("started in %s\n", total);
	free(name);
	free(total);
}

static void print_waits(const struct start *start)
{
	char *halt;

	if (start_is_complete(start) || !start->halt_ns || start->idle_ns)
		return;
	halt = format_ns(start->halt_ns);
	printf("%-11sit halted after %s with paging off, which does not count as idle\n", "note", halt);
	free(halt);
}

static int print_one(struct options *options, const struct start *start,
		     const struct start_list *list)
{
	int status = STATUS_OK;
	size_t i;

	print_head(start);
	if (!start->phases[START_SETUP].is_known)
		return STATUS_OK;
	for (i = 0; i < NUM_START_PHASES; i++)
		if (start->phases[i].is_known || (i && start->phases[i - 1].is_known))
			fill_phase(table_add_row(options->table), start, i);
	status = table_print(options->table, &options->style);
	printf("\n");
	print_costs(start);
	print_setup(start);
	print_waits(start);
	if (start->is_gone)
		printf("%-11sthe guest has ended: what its exits took is not kept\n", "note");
	print_spread(start, list);
	return status;
}

static bool is_met(const struct selector *selector, const void *guests)
{
	const struct start_list *list = guests;
	size_t i;

	for (i = 0; i < list->num; i++)
		if (selector_matches(selector, &list->v[i].guest))
			return true;
	return false;
}

/* Do guests, or starts that are kept, match all that is named? */
static int check_guests(const struct selection *selection, const struct start_list *list)
{
	return selection_check(selection, "guest",
			       "l1tune start lists current guests and the last that ended",
			       is_met, list);
}

static const char *default_columns(const struct options *options)
{
	unsigned int width = terminal_columns();

	if (!options->num_words)
		return LIST_COLUMNS;
	return width && width < WIDE ? NARROW_COLUMNS : PHASE_COLUMNS;
}

static int show(struct options *options, const struct start_list *list,
		const struct selection *selection, const struct host *host)
{
	int status = check_guests(selection, list);
	json_t *array;
	size_t i, num = 0;

	if (status != STATUS_OK)
		return status;
	array = options->json ? json_array() : NULL;
	table_set_defaults(options->table, default_columns(options));
	for (i = 0; i < list->num; i++) {
		const struct start *start = &list->v[i];

		if (!selection_matches(selection, &start->guest))
			continue;
		if (options->json)
			json_array_append_new(array, start_to_json(start, list));
		else if (options->num_words)
			status = print_one(options, start, list);
		else
			fill_row(table_add_row(options->table), start);
		num++;
	}
	if (options->json)
		return json_print_value(host, "start", array);
	if (!num)
		complain("no guest has started since the module was loaded");
	return options->num_words || !num ? status : table_print(options->table, &options->style);
}

static char *diff_text(uint64_t a, uint64_t b)
{
	char *ns = format_ns(a > b ? a - b : b - a);
	char *text = xasprintf("%s%s", a > b ? "-" : "+", ns);

	free(ns);
	return text;
}

static void fill_compare(struct value *row, size_t phase, const struct exit_key *key, uint64_t a,
			 uint64_t b)
{
	row[COL_PHASE] = value_text(start_phase_names[phase]);
	if (key)
		row[COL_REASON] = (struct value){ VALUE_TEXT, .text = exit_label(key) };
	row[COL_TIME_A] = value_ns(a);
	row[COL_TIME_B] = value_ns(b);
	row[COL_DIFF] = (struct value){ VALUE_TEXT, .text = diff_text(a, b) };
}

static const struct start_reason *find_reason(const struct start_phase *phase,
					      const struct exit_key *key)
{
	size_t i;

	for (i = 0; i < phase->num_reasons; i++)
		if (phase->reasons[i].key.level == key->level &&
		    phase->reasons[i].key.code == key->code)
			return &phase->reasons[i];
	return NULL;
}

/* What one of them has and the other has not is 0 there. */
static void compare_phase(struct options *options, const struct start *a, const struct start *b,
			  size_t i)
{
	const struct start_phase *pa = &a->phases[i], *pb = &b->phases[i];
	const struct start_reason *other;
	size_t n;

	if (pa->is_known && pb->is_known)
		fill_compare(table_add_row(options->table), i, NULL, pa->ns, pb->ns);
	for (n = 0; n < pa->num_reasons && pb->has_guest; n++) {
		other = find_reason(pb, &pa->reasons[n].key);
		fill_compare(table_add_row(options->table), i, &pa->reasons[n].key,
			     start_reason_ns(&pa->reasons[n]), other ? start_reason_ns(other) : 0);
	}
	for (n = 0; n < pb->num_reasons && pa->has_guest; n++)
		if (!find_reason(pa, &pb->reasons[n].key))
			fill_compare(table_add_row(options->table), i, &pb->reasons[n].key, 0,
				     start_reason_ns(&pb->reasons[n]));
}

/* The one that matches; NULL after a message. */
static const struct start *single(const struct start_list *list, const char *word,
				  const struct selection *selection)
{
	const struct start *found = NULL;
	size_t i, num = 0;

	if (check_guests(selection, list) != STATUS_OK)
		return NULL;
	for (i = 0; i < list->num; i++) {
		if (!selection_matches(selection, &list->v[i].guest))
			continue;
		found = &list->v[i];
		num++;
	}
	if (num == 1)
		return found;
	complain("%zu guests match '%s', exactly one is needed: use an id", num, word);
	return NULL;
}

static int compare(struct options *options, const struct start_list *list,
		   const struct selection *other, const struct host *host)
{
	char *words[] = { (char *)options->compare };
	const struct start *a, *b;
	struct selection selection;
	int status = selection_parse(words, 1, &selection, options->error);
	size_t i;

	if (status)
		return status;
	a = single(list, options->compare, &selection);
	b = a ? single(list, options->words[0], other) : NULL;
	selection_free(&selection);
	if (!b)
		return STATUS_NO_GUEST;
	if (options->json)
		return json_print_value(host, "start", json_pack("[o,o]", start_to_json(a, list),
								 start_to_json(b, list)));
	table_set_defaults(options->table, COMPARE_COLUMNS);
	for (i = 0; i < NUM_START_PHASES; i++)
		compare_phase(options, a, b, i);
	if (!options->table->num_rows)
		complain("nothing is known of both starts");
	return table_print(options->table, &options->style);
}

/* For guests to come. */
static int set_until(const struct options *options)
{
	const char *until = options->until;
	int err = sysfs_write(options->env.class_fd, "l1/start/port",
			      strcmp(until, "idle") ? until : "none");

	if (err == -EINVAL || err == -ERANGE)
		return error_set(options->error, "--until: '%s' is neither idle nor a port such as 0xf4", until);
	if (sysfs_is_withheld(err)) {
		complain("%s/class/l1tune/l1/start/port: %s: needs CAP_SYS_ADMIN in the initial user namespace",
			 options->env.sysfs, strerror(-err));
		return STATUS_NOT_PERMITTED;
	}
	if (err)
		return env_complain(&options->env, "l1/start/port", err);
	return STATUS_OK;
}

static int check(const struct options *options)
{
	if (options->compare && options->num_words != 1)
		return error_set(options->error, "--compare compares two guests: l1tune start --compare A B");
	if (options->until && (options->compare || options->num_words))
		return error_set(options->error, "--until applies to future guests: name no guest");
	if (options->by && (options->compare || options->until || options->num_words))
		return error_set(options->error, "--by shows all tenants: use it alone");
	return STATUS_OK;
}

static int run(struct options *options)
{
	struct selection selection;
	struct start_list list = { };
	struct host host;
	int status = check(options);

	if (!status)
		status = selection_parse(options->words, options->num_words, &selection,
					 options->error);
	if (status)
		return status;
	status = host_open(&options->env, &host);
	if (!status && options->until) {
		status = set_until(options);
	} else if (!status && options->by) {
		status = start_by_tenant(options, &host);
	} else if (!status) {
		status = start_read(&options->env, &list);
		if (!status)
			status = options->compare ? compare(options, &list, &selection, &host) :
						    show(options, &list, &selection, &host);
		start_free(&list);
	}
	host_close(&options->env, &host);
	selection_free(&selection);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(TEXT, 0, "by", "cgroup", by, "show how long the guests of each tenant took"),
	OPTION(TEXT, 0, "compare", "GUEST", compare, "compare the starts of two guests"),
	OPTION(TEXT, 0, "until", "PORT", until, "future starts end at the first access to PORT, or at 'idle'"),
	{ }
};

const struct command cmd_start = {
	.name = "start",
	.synopsis = "[OPTION]... [GUEST]...\n--compare GUEST GUEST\n--by cgroup\n--until PORT|idle",
	.summary = "show how guests started: how long each phase took, and why",
	.about = "Shows how long guests took from KVM_CREATE_VM to their first idle, by phases that\n"
		 "add up to it. With GUEST also what took most time, and how long all starts of\n"
		 "that name took. Idle is the first HLT with paging on.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_GUESTS,
	.most_words = ANY_NUMBER,
	.columns = columns,
	.num_columns = NUM_COLS,
	.default_columns = LIST_COLUMNS,
};
