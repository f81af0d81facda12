// SPDX-License-Identifier: GPL-2.0
/* How watch shows what it found, and what it does then. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/format.h"
#include "base/terminal.h"
#include "base/wait.h"
#include "cmd/watch.h"
#include "explain/guest-rip.h"
#include "model/json.h"
#include "model/vcpu.h"
#include "record/event.h"
#include "record/watch-log.h"

static char *time_text(const struct watcher *w, uint64_t ns)
{
	return w->options->style.bytes ?
	       xasprintf("%llu", (unsigned long long)ns) : format_ns(ns);
}

/* Names of reasons are the guest's own cells'. */
static const char *reason_of(const struct guest_snapshot *guest, uint32_t level,
			     uint32_t code)
{
	size_t i;

	for (i = 0; i < guest->stats.num_cells; i++) {
		const struct exit_key *key = &guest->stats.cells[i].key;

		if (key->level == level && key->code == code)
			return key->reason;
	}
	return "?";
}

/* Prints the start of a line: guest, vCPU and time. */
static void print_head(const struct guest_snapshot *guest, uint64_t vcpu, const char *time)
{
	char *name = escape_for_terminal(guest->guest.name);

	printf("l2-%llu %s vcpu%llu: %s", (unsigned long long)guest->guest.id, name,
	       (unsigned long long)vcpu, time);
	free(name);
}

static void print_time(const struct watcher *w, const char *before, uint64_t ns,
		       const char *behind)
{
	char *time = time_text(w, ns);

	printf("%s%s%s", before, time, behind);
	free(time);
}

static void print_parts(const struct watcher *w, const struct slow_exit *e)
{
	enum time_part part;

	printf(" ");
	for (part = 0; part < NUM_PARTS; part++) {
		if (!e->parts_ns[part])
			continue;
		printf(" %s", time_part_names[part]);
		print_time(w, " ", e->parts_ns[part], "");
	}
	if (e->has_stolen && e->stolen_ns)
		print_time(w, " (stolen ", e->stolen_ns, ")");
	printf("\n");
}

static void print_before(const struct watcher *w, const struct guest_snapshot *guest,
			 const struct slow_exit *e)
{
	size_t i;

	if (!e->num_before)
		return;
	printf("  before:");
	for (i = 0; i < e->num_before; i++) {
		printf("%s %s%s", i ? "," : "", e->before[i].level == 3 ? "L3 " : "",
		       reason_of(guest, e->before[i].level, e->before[i].code));
		print_time(w, " ", e->before[i].ns, "");
	}
	printf("\n");
}

static void print_stack(const char *stack)
{
	if (stack && *stack)
		printf("  stack: %s\n", stack);
}

static void print_slow(const struct watcher *w, const struct guest_snapshot *guest,
		       const struct slow_exit *e, const char *culprit, const char *stack)
{
	char *time = time_text(w, e->time_ns), *label = exit_label(&e->key);
	char *shown = escape_for_terminal(culprit);

	print_head(guest, e->vcpu, time);
	printf(" %s: %s\n", label, shown);
	print_parts(w, e);
	print_before(w, guest, e);
	print_stack(stack);
	free(shown);
	free(label);
	free(time);
}

static void print_hang(const struct watcher *w, const struct guest_snapshot *guest,
		       uint64_t vcpu, const struct action_facts *facts)
{
	print_head(guest, vcpu, "");
	printf("%s,", facts->culprit);
	print_time(w, " for ", facts->time_ns, "");
	printf("%s%s\n", facts->reason ? ", in " : "", facts->reason ?: "");
	print_stack(facts->stack);
}

static json_t *json_event(const char *event, const struct guest_snapshot *guest,
			  uint64_t vcpu, uint64_t tid, const char *stack)
{
	json_t *json = json_object();

	json_set(json, "event", json_text(event));
	json_set(json, "id", json_number(guest->guest.id));
	json_set(json, "name", json_text(guest->guest.name));
	json_set(json, "pid", json_number(guest->guest.pid));
	json_set(json, "vcpu", json_number(vcpu));
	json_set(json, "tid", tid ? json_number(tid) : json_null());
	json_set(json, "stack", stack ? json_text(stack) : json_null());
	return json;
}

static json_t *json_before(const struct guest_snapshot *guest, const struct slow_exit *e)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < e->num_before; i++) {
		json_t *one = json_object();

		json_set(one, "reason", json_text(reason_of(guest, e->before[i].level,
							   e->before[i].code)));
		json_set(one, "level", json_number(e->before[i].level));
		json_set(one, "time_ns", json_number(e->before[i].ns));
		json_array_append_new(array, one);
	}
	return array;
}

static json_t *json_slow(const struct guest_snapshot *guest, const struct slow_exit *e,
			 const struct culprit *culprit, const char *stack)
{
	json_t *json = json_event("slow", guest, e->vcpu, e->tid, stack);
	enum time_part part;

	json_set(json, "number", json_number(e->number));
	json_set(json, "end_ns", json_number(e->end_ns));
	json_set(json, "reason", json_text(e->key.reason));
	json_set(json, "code", json_number(e->key.code));
	json_set(json, "level", json_number(e->key.level));
	json_set(json, "time_ns", json_number(e->time_ns));
	for (part = 0; part < NUM_PARTS; part++)
		json_set(json, time_part_keys[part], json_number(e->parts_ns[part]));
	json_set(json, "stolen_ns", json_number_or_null(e->has_stolen, e->stolen_ns));
	json_set(json, "ran_tid", json_number_or_null(e->ran_threads, e->ran_pid));
	json_set(json, "ran_comm", e->ran_threads ? json_text(e->ran_comm) : json_null());
	json_set(json, "ran_ns", json_number_or_null(e->ran_threads, e->ran_ns));
	json_set(json, "culprit", json_text(culprit->text));
	json_set(json, "culprit_part", json_text(culprit->kind));
	json_set(json, "culprit_ns", json_number(culprit->ns));
	json_set(json, "before", json_before(guest, e));
	return json;
}

static json_t *document(const struct watcher *w, json_t *event)
{
	json_t *json = json_document(&w->host, NULL, 0);

	json_set(json, "watch", event);
	return json;
}

/* For the history, if there is one. */
static void leave_for_record(const struct watcher *w, const struct action_facts *facts)
{
	char *culprit = event_escape(facts->culprit);

	watch_log_add(w->options->env.state, w->host.boot_id, boottime_ns(),
		      "ACTION=%s L2=l2-%llu VCPU=%llu FOR_NS=%llu%s%s CULPRIT=%s", facts->event,
		      (unsigned long long)facts->guest, (unsigned long long)facts->vcpu,
		      (unsigned long long)facts->time_ns, facts->reason ? " REASON=" : "",
		      facts->reason ?: "", culprit);
	free(culprit);
}

/* Shows it if that is asked for, and does the rest; takes the event over. */
static int act(struct watcher *w, const struct guest_snapshot *guest,
	       struct action_facts *facts, json_t *event)
{
	const struct options *options = w->options;
	json_t *json = document(w, event);
	int status = STATUS_OK;

	facts->guest = guest->guest.id;
	facts->name = guest->guest.name;
	facts->pid = guest->guest.pid;
	facts->created_ns = guest->guest.created_ns;
	facts->json = json;
	leave_for_record(w, facts);
	if (w->actions.prints && options->json)
		status = json_write(json_incref(json));
	if (status == STATUS_OK && w->actions.prints)
		status = terminal_flush();
	/* That an action failed was said, and is no reason to stop. */
	actions_do(&w->actions, &options->env, facts);
	json_decref(json);
	w->is_over |= !w->actions.goes_on ||
		      (options->count && w->num_slow + w->num_hangs >= options->count);
	return status;
}

int watch_report_slow(struct watcher *w, const struct guest_snapshot *guest,
		      const struct slow_exit *e, const struct culprit *culprit,
		      const char *stack)
{
	struct action_facts facts = {
		.event = "slow", .vcpu = e->vcpu, .tid = e->tid,
		.reason = e->key.reason, .time_ns = e->time_ns,
		.culprit = culprit->text, .stack = stack,
	};

	w->num_slow++;
	blame_add(&w->culprits, culprit->text);
	if (w->actions.prints && !w->options->json)
		print_slow(w, guest, e, culprit->text, stack);
	return act(w, guest, &facts, json_slow(guest, e, culprit, stack));
}

/* Prints where it is in the guest, and adds that to the event. */
static void add_place(const struct watcher *w, uint64_t tid, json_t *event)
{
	struct guest_rips rips;
	char *text;

	guest_rips_sample(tid, &rips);
	json_set(event, "rips", guest_rips_json(&rips));
	text = guest_rips_text(&rips);
	if (w->actions.prints && !w->options->json)
		printf("  guest: %s\n", text);
	free(text);
}

int watch_report_hang(struct watcher *w, const struct guest_snapshot *guest,
		      const struct vcpu_snapshot *vcpu, enum hang hang, uint64_t for_ns,
		      const char *stack)
{
	struct vcpu_now now = vcpu_now(&vcpu->stats, guest->taken_ns);
	const char *reason = now.cell ? now.cell->key.reason : NULL;
	uint64_t tid = vcpu->stats.value[STAT_TID];
	struct action_facts facts = {
		.event = "hang", .vcpu = vcpu->id, .tid = tid, .reason = reason,
		.time_ns = for_ns, .culprit = hang_text(hang), .stack = stack,
	};
	json_t *event = json_event("hang", guest, vcpu->id, tid, stack);

	w->num_hangs++;
	json_set(event, "hang", json_text(hang_name(hang)));
	json_set(event, "is_suspect", json_boolean(hang_is_suspect(hang)));
	json_set(event, "text", json_text(hang_text(hang)));
	json_set(event, "for_ns", json_number(for_ns));
	json_set(event, "reason", reason ? json_text(reason) : json_null());
	if (w->actions.prints && !w->options->json)
		print_hang(w, guest, vcpu->id, &facts);
	/* Without the thread's number it would be this process that is sampled. */
	if (hang == HANG_SPIN && tid)
		add_place(w, tid, event);
	else
		json_set(event, "rips", json_null());
	return act(w, guest, &facts, event);
}

static void print_culprits(const struct watcher *w)
{
	char *over = time_text(w, w->options->over_ns);
	size_t i;

	if (w->options->over_ns && !w->num_slow)
		printf("no exit over %s\n", over);
	for (i = 0; i < w->culprits.num; i++) {
		const struct blamed *culprit = &w->culprits.v[i];
		char *text = escape_for_terminal(culprit->text);

		printf("%llu of %llu exits over %s: %s\n", (unsigned long long)culprit->count,
		       (unsigned long long)w->num_slow, over, text);
		free(text);
	}
	free(over);
}

static json_t *json_summary(const struct watcher *w)
{
	json_t *json = json_object(), *array = json_array();
	size_t i;

	for (i = 0; i < w->culprits.num; i++) {
		const struct blamed *culprit = &w->culprits.v[i];
		json_t *one = json_object();

		json_set(one, "culprit", json_text(culprit->text));
		json_set(one, "count", json_number(culprit->count));
		json_array_append_new(array, one);
	}
	json_set(json, "event", json_text("summary"));
	json_set(json, "slow", json_number(w->num_slow));
	json_set(json, "hangs", json_number(w->num_hangs));
	json_set(json, "missed", json_number(w->num_missed));
	json_set(json, "culprits", array);
	return json;
}

int watch_summarize(struct watcher *w)
{
	int status = STATUS_OK;

	blame_sort(&w->culprits);
	if (w->options->json)
		status = json_write(document(w, json_summary(w)));
	else
		print_culprits(w);
	return status == STATUS_OK ? terminal_flush() : status;
}
