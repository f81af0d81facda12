// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/format.h"
#include "base/sysfs.h"
#include "base/terminal.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/command.h"
#include "cmd/blame.h"
#include "explain/culprit.h"
#include "explain/guest-rip.h"
#include "explain/hang.h"
#include "model/json.h"
#include "model/slow.h"
#include "model/stack.h"
#include "model/vcpu.h"
#include "record/event.h"
#include "record/watch-log.h"
#include "ui/action.h"

/* The module's lease lasts ten seconds. */
#define RENEW_NS	(3 * NSEC_PER_SEC)

/* How often vCPUs are looked at while nothing is reported. */
#define LEAST_LOOK_NS	(NSEC_PER_SEC / 20)
#define MOST_LOOK_NS	(NSEC_PER_SEC / 2)

/* What is known of a vCPU from look to look. */
struct watched {
	uint64_t guest, vcpu;
	/* The number that its next slow exit will have. */
	uint64_t next;
	struct hang_watch hang;
	/* A hang is reported once. */
	enum hang reported;
	/* Of an exit that goes on for long, while it does: freed with it. */
	char *stack;
	uint64_t stack_ns;
};

struct watcher {
	struct options *options;
	struct selection selection;
	struct actions actions;
	struct host host;
	int exits_fd;
	bool is_renewed;
	uint64_t renew_at, look_at, look_ns;
	struct watched *v;
	size_t num;
	struct blame culprits;
	uint64_t num_slow, num_hangs, num_missed;
	/* By what is there before, which is not shown. */
	bool is_started;
	bool is_over;
	bool stack_is_withheld;
};

static struct watched *find(struct watcher *w, uint64_t guest, uint64_t vcpu)
{
	size_t i;

	for (i = 0; i < w->num; i++)
		if (w->v[i].guest == guest && w->v[i].vcpu == vcpu)
			return &w->v[i];
	*GROW(w->v, w->num) = (struct watched){
		.guest = guest, .vcpu = vcpu, .next = 1,
	};
	return &w->v[w->num - 1];
}

/* Those of guests that are not there any more. */
static void forget(struct watcher *w, const struct snapshot *snapshot)
{
	size_t i, j, kept = 0;

	for (i = 0; i < w->num; i++) {
		for (j = 0; j < snapshot->num_guests; j++)
			if (snapshot->guests[j].guest.id == w->v[i].guest)
				break;
		if (j < snapshot->num_guests)
			w->v[kept++] = w->v[i];
		else
			free(w->v[i].stack);
	}
	w->num = kept;
}

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

/* Prints it, with what is between the name and the rest. */
static void print_head(const struct guest_snapshot *guest, uint64_t vcpu, const char *time)
{
	char *name = escape_for_terminal(guest->guest.name);

	printf("l2-%llu %s vcpu%llu: %s", (unsigned long long)guest->guest.id, name,
	       (unsigned long long)vcpu, time);
	free(name);
}

static void print_slow(const struct watcher *w, const struct guest_snapshot *guest,
		       const struct slow_exit *e, const char *culprit, const char *stack)
{
	char *time = time_text(w, e->time_ns), *label = exit_label(&e->key);
	char *shown = escape_for_terminal(culprit);
	enum time_part part;
	size_t i;

	print_head(guest, e->vcpu, time);
	printf(" %s: %s\n ", label, shown);
	free(time);
	for (part = 0; part < NUM_PARTS; part++) {
		if (!e->parts_ns[part])
			continue;
		time = time_text(w, e->parts_ns[part]);
		printf(" %s %s", time_part_names[part], time);
		free(time);
	}
	if (e->has_stolen && e->stolen_ns) {
		time = time_text(w, e->stolen_ns);
		printf(" (stolen %s)", time);
		free(time);
	}
	printf("\n");
	if (e->num_before)
		printf("  before:");
	for (i = 0; i < e->num_before; i++) {
		time = time_text(w, e->before[i].ns);
		printf("%s %s%s %s", i ? "," : "", e->before[i].level == 3 ? "L3 " : "",
		       reason_of(guest, e->before[i].level, e->before[i].code), time);
		free(time);
	}
	if (e->num_before)
		printf("\n");
	if (stack && *stack)
		printf("  stack: %s\n", stack);
	free(shown);
	free(label);
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

static bool is_meant(const struct watcher *w, const struct slow_exit *e,
		     const struct culprit *culprit)
{
	const struct options *options = w->options;

	return e->time_ns - e->parts_ns[PART_HALTED] > options->over_ns &&
	       (!options->reason || !strcasecmp(options->reason, e->key.reason)) &&
	       (!options->part || !strcmp(options->part, culprit->kind));
}

static int report_slow(struct watcher *w, const struct guest_snapshot *guest,
		       const struct slow_exit *e)
{
	struct watched *watched = find(w, guest->guest.id, e->vcpu);
	/* Is it of this one? It was read while that lasted. */
	const char *stack = watched->stack &&
			    watched->stack_ns + e->time_ns > e->end_ns &&
			    watched->stack_ns < e->end_ns ? watched->stack : NULL;
	struct culprit culprit;
	int status = STATUS_OK;

	culprit_find(e, &culprit);
	if (is_meant(w, e, &culprit)) {
		struct action_facts facts = {
			.event = "slow", .vcpu = e->vcpu, .tid = e->tid,
			.reason = e->key.reason, .time_ns = e->time_ns,
			.culprit = culprit.text, .stack = stack,
		};

		w->num_slow++;
		blame_add(&w->culprits, culprit.text);
		if (w->actions.prints && !w->options->json)
			print_slow(w, guest, e, culprit.text, stack);
		status = act(w, guest, &facts, json_slow(guest, e, &culprit, stack));
	}
	culprit_free(&culprit);
	return status;
}

static void complain_missed(struct watcher *w, const struct guest_snapshot *guest,
			    uint64_t vcpu, uint64_t num)
{
	w->num_missed += num;
	complain("missed %llu slow exits of l2-%llu vcpu%llu: they came faster than they were read; a larger --over reports fewer",
		 (unsigned long long)num, (unsigned long long)guest->guest.id,
		 (unsigned long long)vcpu);
}

/*
 * The module keeps the last ones, so those that are lost are older than all that
 * are there. One that lacks between others was written while they were read, and
 * is there the next time, as are those behind it.
 */
static bool is_behind_gap(const struct slow_exit *v, size_t i)
{
	for (; i && v[i - 1].vcpu == v[i].vcpu; i--)
		if (v[i].number > v[i - 1].number + 1)
			return true;
	return false;
}

/* What a guest has that was not seen yet. */
static int take_slow(struct watcher *w, const struct guest_snapshot *guest)
{
	int fd = guest_open(&w->options->env, guest->guest.id), err, status = STATUS_OK;
	struct slow_exit *v = NULL;
	size_t num = 0, i;

	if (fd < 0)
		return STATUS_OK;
	err = slow_read(fd, &v, &num);
	close(fd);
	if (err && !sysfs_is_gone(err) && err != -ENOENT)
		status = env_complain(&w->options->env, "l2-*/slow", err);
	for (i = 0; i < num && status == STATUS_OK && !w->is_over; i++) {
		struct watched *watched = find(w, guest->guest.id, v[i].vcpu);

		if (v[i].number < watched->next || is_behind_gap(v, i))
			continue;
		if (w->is_started && v[i].number > watched->next)
			complain_missed(w, guest, v[i].vcpu, v[i].number - watched->next);
		watched->next = v[i].number + 1;
		if (w->is_started)
			status = report_slow(w, guest, &v[i]);
	}
	free(v);
	return status;
}

/* Replaces the stack of a vCPU whose exit goes on for long; NULL if not known. */
static void take_stack(struct watcher *w, const struct guest_snapshot *guest,
		       const struct vcpu_snapshot *vcpu, struct watched *watched)
{
	uint64_t tid = vcpu->stats.value[STAT_TID];

	free(watched->stack);
	watched->stack = tid ? stack_read(&w->options->env, guest->guest.pid, tid) : NULL;
	watched->stack_ns = guest->taken_ns;
	if (watched->stack || !tid || w->stack_is_withheld ||
	    !sysfs_is_withheld(-errno))
		return;
	w->stack_is_withheld = true;
	complain("stacks of threads are shown to root only");
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

static int report_hang(struct watcher *w, const struct guest_snapshot *guest,
		       const struct vcpu_snapshot *vcpu, enum hang hang,
		       uint64_t for_ns, const char *stack)
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
	if (w->actions.prints && !w->options->json) {
		char *time = time_text(w, for_ns);

		print_head(guest, vcpu->id, "");
		printf("%s, for %s%s%s\n", hang_text(hang), time, reason ? ", in " : "",
		       reason ?: "");
		if (stack && *stack)
			printf("  stack: %s\n", stack);
		free(time);
	}
	if (hang == HANG_SPIN)
		add_place(w, tid, event);
	else
		json_set(event, "rips", json_null());
	return act(w, guest, &facts, event);
}

static int look_at_vcpu(struct watcher *w, const struct guest_snapshot *guest,
			const struct vcpu_snapshot *vcpu)
{
	struct watched *watched = find(w, guest->guest.id, vcpu->id);
	struct vcpu_now now = vcpu_now(&vcpu->stats, guest->taken_ns);
	bool is_long = w->options->over_ns && now.level && now.state &&
		       now.for_ns > w->options->over_ns && strcmp(now.state, "halted");
	enum hang hang = HANG_NONE;
	uint64_t for_ns;

	if (w->options->hang_ns)
		hang = hang_find(guest, vcpu, w->options->hang_ns, &watched->hang,
				 &for_ns);
	if (is_long || hang != HANG_NONE)
		take_stack(w, guest, vcpu, watched);
	if (hang == HANG_NONE || hang == watched->reported) {
		watched->reported = hang;
		return STATUS_OK;
	}
	watched->reported = hang;
	return report_hang(w, guest, vcpu, hang, for_ns, watched->stack);
}

/* One look at everything: slow exits that ended, vCPUs that hang. */
static int look(struct watcher *w)
{
	const struct snapshot_request request = {
		.selection = &w->selection, .vcpus = true,
		.may_match_none = w->is_started,
	};
	struct snapshot snapshot;
	int status = snapshot_take(&w->options->env, &w->host, &request, &snapshot);
	size_t i, j;

	if (w->is_started && w->selection.num && !snapshot.num_guests)
		w->is_over = true;
	for (i = 0; i < snapshot.num_guests && status == STATUS_OK; i++) {
		const struct guest_snapshot *guest = &snapshot.guests[i];

		/* Those of a guest that came meanwhile are all new. */
		if (w->options->over_ns)
			status = take_slow(w, guest);
		for (j = 0; j < guest->num_vcpus && status == STATUS_OK && !w->is_over; j++)
			status = look_at_vcpu(w, guest, &guest->vcpus[j]);
	}
	forget(w, &snapshot);
	snapshot_free(&snapshot);
	w->is_started = true;
	w->look_at = monotonic_ns() + w->look_ns;
	return status;
}

/*
 * Has the module keep such exits, and name who had the CPU. Who may not have that
 * done gets what it keeps anyway.
 */
static int renew(struct watcher *w)
{
	const struct env *env = &w->options->env;
	uint64_t over_ns = UINT64_MAX;
	char text[24];
	int err;

	w->renew_at = monotonic_ns() + RENEW_NS;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)w->options->over_ns);
	err = sysfs_write(env->class_fd, "l1/slow/watch_over_ns", text);
	if (!err || w->is_renewed) {
		w->is_renewed = true;
		return STATUS_OK;
	}
	sysfs_read_u64(env->class_fd, "l1/slow/over_ns", &over_ns);
	if (!sysfs_is_withheld(err) || w->options->over_ns < over_ns)
		return env_complain(env, "l1/slow/watch_over_ns", err);
	complain("which task had a CPU is unknown: only root can trace context switches");
	w->is_renewed = true;
	w->renew_at = UINT64_MAX;
	return STATUS_OK;
}

static int summarize(struct watcher *w)
{
	json_t *json = json_object(), *array = json_array();
	char *over = time_text(w, w->options->over_ns), *text;
	int status;
	size_t i;

	blame_sort(&w->culprits);
	if (!w->options->json && w->options->over_ns && !w->num_slow)
		printf("no exit over %s\n", over);
	for (i = 0; i < w->culprits.num; i++) {
		const struct blamed *culprit = &w->culprits.v[i];
		json_t *one = json_object();

		json_set(one, "culprit", json_text(culprit->text));
		json_set(one, "count", json_number(culprit->count));
		json_array_append_new(array, one);
		text = escape_for_terminal(culprit->text);
		if (!w->options->json)
			printf("%llu of %llu exits over %s: %s\n",
			       (unsigned long long)culprit->count,
			       (unsigned long long)w->num_slow, over, text);
		free(text);
	}
	json_set(json, "event", json_text("summary"));
	json_set(json, "slow", json_number(w->num_slow));
	json_set(json, "hangs", json_number(w->num_hangs));
	json_set(json, "missed", json_number(w->num_missed));
	json_set(json, "culprits", array);
	free(over);
	if (w->options->json) {
		status = json_write(document(w, json));
	} else {
		json_decref(json);
		status = STATUS_OK;
	}
	return status == STATUS_OK ? terminal_flush() : status;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a && (!b || a < b) ? a : b;
}

/* Until something happens, or it is time to look; false when it is to end. */
static bool wait_next(struct watcher *w)
{
	char buf[32];

	if (w->exits_fd >= 0 && pread(w->exits_fd, buf, sizeof(buf), 0) < 0)
		return false;
	return wait_until_changed(w->look_at, w->exits_fd) != WAIT_END;
}

static int follow(struct watcher *w)
{
	int status = w->options->over_ns ? renew(w) : STATUS_OK;

	if (status == STATUS_OK)
		status = look(w);
	while (status == STATUS_OK && !w->is_over && wait_next(w)) {
		if (w->options->over_ns && monotonic_ns() >= w->renew_at)
			status = renew(w);
		if (status == STATUS_OK)
			status = look(w);
	}
	if (status == STATUS_OK)
		status = summarize(w);
	return status;
}

static void free_watcher(struct watcher *w)
{
	size_t i;

	for (i = 0; i < w->num; i++)
		free(w->v[i].stack);
	blame_free(&w->culprits);
	free(w->v);
	if (w->exits_fd >= 0)
		close(w->exits_fd);
	selection_free(&w->selection);
	host_close(&w->options->env, &w->host);
}

static int check_part(const struct options *options)
{
	enum time_part part;

	if (!options->part || !strcmp(options->part, "stolen"))
		return STATUS_OK;
	for (part = 0; part < NUM_PARTS; part++)
		if (part != PART_HALTED && !strcmp(options->part, time_part_names[part]))
			return STATUS_OK;
	return error_set(options->error, "--part: '%s' is none of kernel, vmm, vmm_sleep, blocked, runq, throttled, stolen",
			 options->part);
}

static int run(struct options *options)
{
	struct watcher w = { .options = options, .exits_fd = -1 };
	int status = STATUS_OK;

	if (!options->over_ns && !options->hang_ns)
		status = error_set(options->error, "--over TIME or --hang TIME is missing");
	if (status == STATUS_OK)
		status = check_part(options);
	if (status == STATUS_OK)
		status = actions_parse(&options->actions, &w.actions, options->error);
	if (status == STATUS_OK)
		status = selection_parse(options->words, options->num_words,
					 &w.selection, options->error);
	if (status != STATUS_OK)
		return status;
	w.look_ns = least(options->over_ns, options->hang_ns) / 4;
	if (w.look_ns < LEAST_LOOK_NS)
		w.look_ns = LEAST_LOOK_NS;
	if (w.look_ns > MOST_LOOK_NS)
		w.look_ns = MOST_LOOK_NS;
	wait_catch_signals();
	status = host_open(&options->env, &w.host);
	if (status == STATUS_OK && options->over_ns)
		w.exits_fd = openat(options->env.class_fd, "l1/slow/exits",
				    O_RDONLY | O_CLOEXEC);
	if (status == STATUS_OK && options->over_ns && w.exits_fd < 0)
		status = env_complain(&options->env, "l1/slow/exits", -errno);
	if (status == STATUS_OK)
		status = follow(&w);
	free_watcher(&w);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(TIME, 0, "over", "TIME", over_ns, "report exits that take longer, such as 5ms"),
	OPTION(TIME, 0, "hang", "TIME", hang_ns, "report vCPUs that make no progress for this long"),
	OPTION(TEXT, 0, "reason", "REASON", reason, "only exits for this reason", .needs = "over"),
	OPTION(TEXT, 0, "part", "PART", part,
	       "only exits that spent most of their time in: kernel, vmm,\n"
	       "vmm_sleep, blocked, runq, throttled or stolen", .needs = "over"),
	OPTION(TEXTS, 0, "on-threshold", "ACTION", actions,
	       "print, snapshot,dir=DIR, shell,command=COMMAND,\n"
	       "signal,num=N or continue; may be repeated"),
	OPTION(NUMBER, 'c', "count", "N", count, "stop after N reports"),
	{ }
};

const struct command cmd_watch = {
	.name = "watch",
	.synopsis = "--over TIME | --hang TIME [OPTION]... [GUEST]...",
	.summary = "report slow exits and hanging vCPUs as they happen, with the culprit",
	.about = "Reports each exit that takes longer than --over, with what took the time, and each\n"
		 "vCPU that has work and neither exits nor enters for --hang, with where it is stuck.\n"
		 "Runs until it is interrupted, then sums up the culprits.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_STATE | OPTIONS_JSON,
	.words = WORDS_GUESTS,
	.most_words = ANY_NUMBER,
};
