// SPDX-License-Identifier: GPL-2.0
/* An event as a line for people, and as JSON for programs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/format.h"
#include "base/terminal.h"
#include "base/util.h"
#include "model/json.h"
#include "settings/limit-value.h"
#include "ui/drift-show.h"
#include "ui/event-show.h"

static const char *const kind_names[NUM_EVENT_KINDS] = {
	[EVENT_ADDED] = "added",
	[EVENT_REMOVED] = "removed",
	[EVENT_DENIED] = "denied",
	[EVENT_AUDITED] = "audited",
	[EVENT_EFFECTIVE] = "effective",
	[EVENT_INEFFECTIVE] = "ineffective",
	[EVENT_LOADED] = "loaded",
	[EVENT_UNLOADED] = "unloaded",
	[EVENT_LOST] = "lost",
	[EVENT_ADVISED] = "advised",
	[EVENT_RESOLVED] = "resolved",
	[EVENT_DRIFT] = "drift",
	[EVENT_SLOW] = "slow",
	[EVENT_HANG] = "hang",
	[EVENT_MOVED] = "moved",
	[EVENT_OTHER] = "other",
};

static const char *color(enum event_kind kind)
{
	switch (kind) {
	case EVENT_DENIED:
	case EVENT_INEFFECTIVE:
	case EVENT_LOST:
		return terminal_alarm();
	case EVENT_AUDITED:
	case EVENT_UNLOADED:
	case EVENT_ADVISED:
	case EVENT_DRIFT:
	case EVENT_SLOW:
	case EVENT_HANG:
	case EVENT_MOVED:
		return terminal_warning();
	default:
		return terminal_bold();
	}
}

/* Its parts have a colon between them. */
struct line {
	char *text;
	bool has_parts;
};

/* Strings of others, with what stands around them. */
static void add_text(struct line *line, const char *before, const char *text,
		     const char *after)
{
	char *shown = escape_for_terminal(text);

	append(&line->text, "%s%s%s", before, shown, after);
	free(shown);
}

static void start_part(struct line *line)
{
	if (line->has_parts)
		append(&line->text, ": ");
	line->has_parts = true;
}

static void add_time(struct line *line, const struct timespec *time)
{
	char text[32];
	struct tm tm;

	localtime_r(&time->tv_sec, &tm);
	strftime(text, sizeof(text), "%F %T", &tm);
	append(&line->text, "%s.%03ld ", text, time->tv_nsec / 1000000);
}

static void add_guest(struct line *line, const struct event *event)
{
	if (!event->has_id)
		return;
	start_part(line);
	append(&line->text, "l2-%llu", (unsigned long long)event->id);
	if (event->name)
		add_text(line, " ", event->name, "");
}

/* "tenant /a/b", or without its path "tenant-3" */
static void add_tenant(struct line *line, const struct event *event)
{
	if (!event->text[EVENT_TENANT])
		return;
	start_part(line);
	if (event->text[EVENT_CGROUP])
		add_text(line, "tenant ", event->text[EVENT_CGROUP], "");
	else
		add_text(line, "", event->text[EVENT_TENANT], "");
}

/* 'pid 12, uid 0, comm "vmm"', as far as it is known. */
static void add_process(struct line *line, const struct event *event)
{
	static const struct {
		enum event_number number;
		const char *name;
	} numbers[] = {
		{ EVENT_PID, "pid" }, { EVENT_UID, "uid" },
	};
	const char *before = "";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (!event->has[numbers[i].number])
			continue;
		if (!*before)
			start_part(line);
		append(&line->text, "%s%s %llu", before, numbers[i].name,
		       (unsigned long long)event->number[numbers[i].number]);
		before = ", ";
	}
	if (!event->text[EVENT_COMM])
		return;
	if (!*before)
		start_part(line);
	append(&line->text, "%scomm ", before);
	add_text(line, "\"", event->text[EVENT_COMM], "\"");
}

static void add_ns(struct line *line, uint64_t ns,
		   const struct table_style *style)
{
	char *text = style->bytes ? xasprintf("%lluns", (unsigned long long)ns) :
				    format_ns(ns);

	append(&line->text, "%s", text);
	free(text);
}

static void add_totals(struct line *line, const struct event *event,
		       const struct table_style *style)
{
	if (event->text[EVENT_END]) {
		start_part(line);
		add_text(line, "", event->text[EVENT_END], "");
	}
	if (!event->has[EVENT_EXITS])
		return;
	start_part(line);
	append(&line->text, "%llu exit%s", (unsigned long long)event->number[EVENT_EXITS],
	       plural(event->number[EVENT_EXITS]));
	if (event->has[EVENT_EXIT_TIME]) {
		append(&line->text, ", ");
		add_ns(line, event->number[EVENT_EXIT_TIME], style);
		append(&line->text, " from exit to entry");
	}
	if (event->has[EVENT_GUEST_TIME]) {
		append(&line->text, ", ");
		add_ns(line, event->number[EVENT_GUEST_TIME], style);
		append(&line->text, " in the guest");
	}
}

static void add_amount(struct line *line, const struct event *event,
		       enum event_number number, const char *before,
		       const struct table_style *style)
{
	static const struct limit_kind plain;
	const struct limit_kind *kind = event->text[EVENT_LIMIT] ?
				limit_find(event->text[EVENT_LIMIT]) : NULL;
	char *amount;

	if (!event->has[number])
		return;
	amount = limit_format(kind ? kind : &plain, event->number[number],
			      style->bytes);
	append(&line->text, "%s%s", before, amount);
	free(amount);
}

/* 'l2-3 web: tenant /a/b: max_vcpus=4, use 4: pid 7, uid 0, comm "vmm": EDQUOT (12 times)' */
static void add_limit(struct line *line, const struct event *event,
		      const struct table_style *style)
{
	uint64_t count = event->number[EVENT_COUNT];

	add_tenant(line, event);
	start_part(line);
	add_text(line, event->kind == EVENT_AUDITED ? "audit." : "",
		 event->text[EVENT_LIMIT] ? event->text[EVENT_LIMIT] : "?", "");
	add_amount(line, event, EVENT_VALUE, "=", style);
	add_amount(line, event, EVENT_USE, ", use ", style);
	add_process(line, event);
	/* Of an audit it is what the process would have got. */
	if (event->text[EVENT_ERRNO] && event->kind == EVENT_DENIED) {
		start_part(line);
		add_text(line, "", event->text[EVENT_ERRNO], "");
	}
	if (event->has[EVENT_COUNT] && count != 1)
		append(&line->text, " (%llu times)", (unsigned long long)count);
}

static void add_effect(struct line *line, const struct event *event)
{
	start_part(line);
	add_text(line, "", event->text[EVENT_LIMIT] ?
			   event->text[EVENT_LIMIT] : "?", "");
	if (event->text[EVENT_HOOK])
		add_text(line, ": hook ", event->text[EVENT_HOOK], "");
	if (event->text[EVENT_STATE])
		add_text(line, " is ", event->text[EVENT_STATE], "");
	if (event->kind == EVENT_INEFFECTIVE)
		append(&line->text, "; it is not enforced");
}

/* "l2-3 web: small-pages", "small-pages: 12 guests" */
static void add_advice(struct line *line, const struct event *event)
{
	start_part(line);
	add_text(line, "", event->text[EVENT_RULE] ? event->text[EVENT_RULE] : "?", "");
	if (event->has[EVENT_GUESTS])
		append(&line->text, ": %llu guests",
		       (unsigned long long)event->number[EVENT_GUESTS]);
}

/* "l2-3 web: vcpu0: 50.1ms in IO_INSTRUCTION: the VMM slept" */
static void add_watched(struct line *line, const struct event *event,
			const struct table_style *style)
{
	start_part(line);
	append(&line->text, "vcpu%llu", (unsigned long long)event->number[EVENT_VCPU]);
	start_part(line);
	add_ns(line, event->number[EVENT_FOR], style);
	if (event->text[EVENT_REASON])
		add_text(line, " in ", event->text[EVENT_REASON], "");
	if (event->text[EVENT_CULPRIT])
		add_text(line, ": ", event->text[EVENT_CULPRIT], "");
}

static void add_loss(struct line *line, const struct event *event)
{
	if (event->num_lost)
		append(&line->text, "%llu event%s not recorded: more came than l1/events holds; l1tune limits has the counts",
		       (unsigned long long)event->num_lost,
		       event->num_lost == 1 ? " was" : "s were");
	else
		append(&line->text, "events came faster than they could be shown or kept; l1tune limits has the counts");
}

static void add_drift(struct line *line, const struct event *event)
{
	char *text = drift_text(event->change);

	append(&line->text, "%s", text);
	free(text);
}

char *event_line(const struct event *event, const struct table_style *style)
{
	struct line line = { .text = xstrdup("") };

	add_time(&line, &event->time);
	append(&line.text, "%s%-11s%s ", color(event->kind), kind_names[event->kind],
	       terminal_normal());
	add_guest(&line, event);
	switch (event->kind) {
	case EVENT_ADDED:
	case EVENT_REMOVED:
		add_process(&line, event);
		if (event->kind == EVENT_REMOVED)
			add_totals(&line, event, style);
		break;
	case EVENT_DENIED:
	case EVENT_AUDITED:
		add_limit(&line, event, style);
		break;
	case EVENT_EFFECTIVE:
	case EVENT_INEFFECTIVE:
		add_effect(&line, event);
		break;
	case EVENT_LOADED:
	case EVENT_UNLOADED:
		append(&line.text, "the module l1tune");
		break;
	case EVENT_LOST:
		add_loss(&line, event);
		break;
	case EVENT_ADVISED:
	case EVENT_RESOLVED:
		add_advice(&line, event);
		break;
	case EVENT_DRIFT:
		add_drift(&line, event);
		break;
	case EVENT_SLOW:
	case EVENT_HANG:
		add_watched(&line, event, style);
		break;
	case EVENT_MOVED:
		add_text(&line, "L0 may have moved this machine: ", event->text[EVENT_CHANGES] ?
			 event->text[EVENT_CHANGES] : "?", "");
		break;
	default:
		start_part(&line);
		add_text(&line, "", event->what ? event->what : "", "");
		break;
	}
	return line.text;
}

static void set_numbers(json_t *json, const struct event *event,
			enum event_number first, enum event_number last)
{
	static const char *const keys[NUM_EVENT_NUMBERS] = {
		"value", "use", "count", "pid", "uid", "exits", "exit_time_ns",
		"guest_time_ns", "guests", "vcpu", "for_ns",
	};
	size_t i;

	for (i = first; i <= last; i++)
		json_set(json, keys[i], json_number_or_null(event->has[i], event->number[i]));
}

static void set_text(json_t *json, const struct event *event,
		     enum event_text text, const char *key)
{
	json_set(json, key, json_text(event->text[text]));
}

static void set_tenant(json_t *json, const struct event *event)
{
	const char *tenant = event->text[EVENT_TENANT];
	uint64_t id = 0;
	bool is_known = tenant && !guest_parse_id(tenant, "tenant-", &id);

	json_set(json, "tenant", json_number_or_null(is_known, id));
	set_text(json, event, EVENT_CGROUP, "cgroup");
}

json_t *event_to_json(const struct event *event)
{
	json_t *json = json_object();

	json_set(json, "kind", json_text(kind_names[event->kind]));
	json_set(json, "id", json_number_or_null(event->has_id, event->id));
	json_set(json, "name", json_text(event->name));
	switch (event->kind) {
	case EVENT_REMOVED:
		set_numbers(json, event, EVENT_EXITS, EVENT_GUEST_TIME);
		set_text(json, event, EVENT_END, "end");
		/* fall through */
	case EVENT_ADDED:
		set_numbers(json, event, EVENT_PID, EVENT_UID);
		set_text(json, event, EVENT_COMM, "comm");
		break;
	case EVENT_DENIED:
	case EVENT_AUDITED:
		set_text(json, event, EVENT_LIMIT, "limit");
		set_numbers(json, event, EVENT_VALUE, EVENT_UID);
		set_text(json, event, EVENT_COMM, "comm");
		set_text(json, event, EVENT_ERRNO, "errno");
		set_tenant(json, event);
		break;
	case EVENT_EFFECTIVE:
	case EVENT_INEFFECTIVE:
		set_text(json, event, EVENT_LIMIT, "limit");
		set_text(json, event, EVENT_HOOK, "hook");
		set_text(json, event, EVENT_STATE, "hook_state");
		break;
	case EVENT_LOST:
		json_set(json, "count", json_number_or_null(event->num_lost, event->num_lost));
		break;
	case EVENT_ADVISED:
	case EVENT_RESOLVED:
		set_text(json, event, EVENT_RULE, "rule");
		set_numbers(json, event, EVENT_GUESTS, EVENT_GUESTS);
		break;
	case EVENT_DRIFT:
		json_set(json, "drift", drift_change_to_json(event->change));
		break;
	case EVENT_SLOW:
	case EVENT_HANG:
		set_numbers(json, event, EVENT_VCPU, EVENT_FOR);
		set_text(json, event, EVENT_REASON, "reason");
		set_text(json, event, EVENT_CULPRIT, "culprit");
		break;
	case EVENT_MOVED:
		set_text(json, event, EVENT_CHANGES, "changes");
		break;
	case EVENT_OTHER:
		json_set(json, "what", json_text(event->what));
		break;
	default:
		break;
	}
	return json;
}
