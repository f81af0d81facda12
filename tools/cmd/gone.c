// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/format.h"
#include "base/terminal.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/command.h"
#include "explain/ended-machine.h"
#include "model/gone.h"
#include "model/host.h"
#include "model/json.h"
#include "model/machine.h"
#include "model/past.h"
#include "model/select.h"
#include "model/snapshot.h"
#include "probe/file.h"
#include "ui/sentences.h"

enum {
	COL_ID, COL_NAME, COL_PID, COL_UID, COL_AGO, COL_LIVED, COL_VCPUS, COL_EXITS, COL_END,
	COL_CAUSE, COL_CONFIDENCE, NUM_COLS
};

static const struct column columns[NUM_COLS] = {
	[COL_ID] = { "ID", "id of the guest, never reused" },
	[COL_NAME] = { "NAME", "name of the VMM's process", .is_text = true, .is_flexible = true },
	[COL_PID] = { "PID", "PID of the VMM" },
	[COL_UID] = { "UID", "user who created the guest" },
	[COL_AGO] = { "AGO", "time since it ended" },
	[COL_LIVED] = { "LIVED", "time from its first exit to its end" },
	[COL_VCPUS] = { "VCPUS", "number of vCPUs" },
	[COL_EXITS] = { "EXITS", "number of exits" },
	[COL_END] = { "END", "how it ended", .is_text = true },
	[COL_CAUSE] = { "CAUSE", "why, as far as the record shows", .is_text = true,
			.is_flexible = true, .is_prose = true },
	[COL_CONFIDENCE] = { "CONFIDENCE", "high, medium or low", .is_text = true },
};

/* What guests that ended are shown with. */
struct look {
	struct options *options;
	uint64_t now_ns;
	/* NULL if it is not known. */
	const struct probe *probe;
	const char *sysfs;
};

static void fill_row(const struct look *look, const struct gone *gone)
{
	struct value *row = table_add_row(look->options->table);
	struct ended ended;

	ended_explain_here(gone, look->probe, look->sysfs, &ended);
	row[COL_ID] = value_number(gone->id);
	row[COL_NAME] = value_text(gone->comm);
	row[COL_PID] = value_number(gone->pid);
	row[COL_UID] = value_number(gone->uid);
	row[COL_AGO] = value_ns(sub_clamped(look->now_ns, gone->ended_ns.value));
	row[COL_LIVED] = value_ns(gone_lived_ns(gone));
	row[COL_VCPUS] = value_number(gone->num_vcpus_had);
	row[COL_EXITS] = value_number(gone->exits);
	row[COL_END] = value_text(gone->end);
	row[COL_CAUSE] = value_text(ended.cause);
	row[COL_CONFIDENCE] = value_text(ended.confidence);
	ended_free(&ended);
}

static void print_exit(const struct gone *gone, const struct gone_exit *e)
{
	char *ago = format_ns(sub_clamped(gone->ended_ns.value, e->since_ns));
	char *took = format_ns(e->time_ns);
	char *reason = escape_for_terminal(e->key.reason);

	printf("%12s  %s%s%s%s\n", ago, e->key.level == 3 ? "L3 " : "", reason,
	       e->is_open ? ", not entered again for " : ", took ", took);
	free(ago);
	free(took);
	free(reason);
}

static void print_vcpu(const struct gone *gone, const struct gone_vcpu *vcpu)
{
	size_t i;

	printf("\n%svCPU %" PRIu64 ": last %zu exit%s, time before the end%s\n", terminal_bold(),
	       vcpu->id, vcpu->num_exits, plural(vcpu->num_exits), terminal_normal());
	for (i = 0; i < vcpu->num_exits; i++)
		print_exit(gone, &vcpu->exits[i]);
}

static void print_one(const struct look *look, const struct gone *gone)
{
	char *ago = format_ns(sub_clamped(look->now_ns, gone->ended_ns.value));
	char *lived = format_ns(gone_lived_ns(gone));
	char *name = escape_for_terminal(gone->comm);
	char *end = escape_for_terminal(gone->end);
	struct ended ended;
	size_t i;

	ended_explain_here(gone, look->probe, look->sysfs, &ended);
	printf("%sl2-%" PRIu64 "%s %s, PID %" PRIu64 ", ended %s ago (%s), lived %s\n",
	       terminal_bold(), gone->id, terminal_normal(), name, gone->pid, ago, end, lived);
	sentence_print("cause", ended.cause);
	sentence_print("confidence", ended.confidence);
	sentences_print("evidence", &ended.evidence);
	sentences_print("ruled out", &ended.ruled_out);
	sentences_print("also fits", &ended.open);
	if (ended.next)
		sentence_print("next", ended.next);
	for (i = 0; i < gone->num_vcpus; i++)
		print_vcpu(gone, &gone->vcpus[i]);
	if (gone->num_vcpus_had > gone->num_vcpus)
		printf("\n%" PRIu64 " more vCPUs were not kept.\n",
		       gone->num_vcpus_had - gone->num_vcpus);
	ended_free(&ended);
	free(ago);
	free(lived);
	free(name);
	free(end);
}

static json_t *json_vcpu(const struct gone *gone, const struct gone_vcpu *vcpu)
{
	json_t *object = json_object(), *last = json_array();
	size_t i;

	for (i = 0; i < vcpu->num_exits; i++) {
		const struct gone_exit *e = &vcpu->exits[i];
		json_t *one = json_object();

		json_set(one, "reason", json_text(e->key.reason));
		json_set(one, "code", json_number(e->key.code));
		json_set(one, "level", json_number(e->key.level));
		json_set(one, "ago_ns", json_number(sub_clamped(gone->ended_ns.value, e->since_ns)));
		json_set(one, "time_ns", json_number(e->time_ns));
		json_set(one, "open", json_boolean(e->is_open));
		json_array_append_new(last, one);
	}
	json_set(object, "id", json_number(vcpu->id));
	json_set(object, "rip", json_number_or_null(vcpu->rip.is_known, vcpu->rip.value));
	json_set(object, "last", last);
	return object;
}

static json_t *json_gone(const struct look *look, const struct gone *gone)
{
	json_t *object = json_object(), *vcpus = json_array();
	struct ended ended;
	size_t i;

	ended_explain_here(gone, look->probe, look->sysfs, &ended);
	json_set(object, "id", json_number(gone->id));
	json_set(object, "name", json_text(gone->comm));
	json_set(object, "pid", json_number(gone->pid));
	json_set(object, "uid", json_number(gone->uid));
	json_set(object, "created", json_number_or_null(gone->created_ns.is_known,
						       gone->created_ns.value));
	json_set(object, "ended", json_number(gone->ended_ns.value));
	json_set(object, "lived_ns", json_number(gone_lived_ns(gone)));
	json_set(object, "end", json_text(gone->end));
	json_set(object, "cause", json_text(ended.cause));
	json_set(object, "confidence", json_text(ended.confidence));
	json_set(object, "evidence", sentences_to_json(&ended.evidence));
	json_set(object, "ruled_out", sentences_to_json(&ended.ruled_out));
	json_set(object, "also_fits", sentences_to_json(&ended.open));
	json_set(object, "next", ended.next ? json_text(ended.next) : json_null());
	for (i = 0; i < gone->num_vcpus; i++)
		json_array_append_new(vcpus, json_vcpu(gone, &gone->vcpus[i]));
	json_set(object, "vcpus", vcpus);
	ended_free(&ended);
	return object;
}

static struct guest guest_of(const struct gone *gone)
{
	return (struct guest) {
		.id = gone->id,
		.pid = gone->pid,
		.uid = gone->uid,
		.name = (char *)gone->comm,
	};
}

static bool is_selected(const struct selection *selection, const struct gone *gone)
{
	const struct guest guest = guest_of(gone);

	return selection_matches(selection, &guest);
}

static bool is_met(const struct selector *selector, const void *guests)
{
	const struct gone_list *list = guests;
	size_t i;

	for (i = 0; i < list->num; i++) {
		const struct guest guest = guest_of(&list->v[i]);

		if (selector_matches(selector, &guest))
			return true;
	}
	return false;
}

static int show(const struct look *look, const struct gone_list *list,
		const struct selection *selection, const struct host *host)
{
	const struct options *options = look->options;
	json_t *array = options->json ? json_array() : NULL;
	size_t i;

	for (i = 0; i < list->num; i++) {
		const struct gone *gone = &list->v[i];

		if (!is_selected(selection, gone))
			continue;
		if (options->json)
			json_array_append_new(array, json_gone(look, gone));
		else if (options->num_words)
			print_one(look, gone);
		else
			fill_row(look, gone);
	}
	if (options->json)
		return json_print_value(host, "gone", array);
	return options->num_words ? STATUS_OK : table_print(options->table, &options->style);
}

/* The host, and CLOCK_BOOTTIME: of a record its time. */
static int open_host(struct env *env, struct host *host, uint64_t *now_ns)
{
	struct snapshot snapshot = { };
	int status;

	*now_ns = boottime_ns();
	if (!env->past)
		return host_open(env, host);
	wait_until(env->past->end_ns, -1);
	*host = (struct host){ };
	status = env->past->read(env->past, host, &snapshot);
	*now_ns = snapshot.taken_ns;
	snapshot_free(&snapshot);
	return status;
}

static int show_with_probe(struct options *options, const struct gone_list *list,
			   const struct selection *selection, const struct host *host,
			   uint64_t now_ns)
{
	struct machine machine;
	struct probe probe;
	struct look look = {
		.options = options,
		.now_ns = now_ns,
		.sysfs = options->env.past ? NULL : options->env.sysfs,
	};
	const char *why;
	int status;

	machine_read(&options->env, &machine);
	if (probe_saved(options->env.state, &machine, &probe, &why))
		look.probe = &probe;
	status = show(&look, list, selection, host);
	probe_free(&probe);
	return status;
}

static int run(struct options *options)
{
	struct selection selection;
	struct gone_list list = { };
	struct host host;
	uint64_t now_ns;
	int status = selection_parse(options->words, options->num_words, &selection,
				     options->error), shown;

	if (status)
		return status;
	status = open_host(&options->env, &host, &now_ns);
	if (!status)
		status = gone_read(&options->env, &list);
	if (!status || list.has_unread) {
		shown = selection_check(&selection, "guest that ended", "l1tune gone lists them",
					is_met, &list);
		if (!shown)
			shown = show_with_probe(options, &list, &selection, &host, now_ns);
		status = status ? status : shown;
	}
	gone_free(&list);
	host_close(&options->env, &host);
	selection_free(&selection);
	return status;
}

const struct command cmd_gone = {
	.name = "gone",
	.synopsis = "[OPTION]... [GUEST]...",
	.summary = "show guests that ended: how, and why if known",
	.about = "Shows guests that ended, how and why. With GUEST also the last exits of each\n"
		 "vCPU, down to the end. The module keeps the last guests (gone_max).",
	.run = run,
	.shared_options = OPTIONS_STATE | OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_GUESTS,
	.most_words = ANY_NUMBER,
	.columns = columns,
	.num_columns = NUM_COLS,
	.replays = REPLAYS_MACHINE,
	.default_columns = "ID,NAME,AGO,LIVED,END,CAUSE,CONFIDENCE",
};
