// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/collapse.h"
#include "cmd/command.h"
#include "model/cell.h"
#include "model/json.h"
#include "settings/guardian.h"
#include "settings/setting.h"

/* Parts of each measurement, whose spread shows the noise. */
#define NUM_SLICES		5

enum { COL_METRIC, COL_BEFORE, COL_BEFORE_SPREAD, COL_WITH, COL_WITH_SPREAD,
       COL_CHANGE, COL_CLEAR, NUM_COLS };

static const struct column columns[NUM_COLS] = {
	[COL_METRIC] = { "METRIC", "exits per second; CPUs used in KVM, in the VMM, in the guest, halted, waiting for a CPU",
			 .is_text = true },
	[COL_BEFORE] = { "BEFORE", "with the old value" },
	[COL_BEFORE_SPREAD] = { "BEFORE_SPREAD", "highest minus lowest of five parts" },
	[COL_WITH] = { "WITH", "with the new value" },
	[COL_WITH_SPREAD] = { "WITH_SPREAD", "the same with the new value" },
	[COL_CHANGE] = { "CHANGE", "WITH minus BEFORE" },
	[COL_CLEAR] = { "CLEAR", "yes: the two ranges do not overlap; ?: guests started or ended",
			.is_text = true },
};

enum metric {
	METRIC_EXITS, METRIC_KVM, METRIC_VMM, METRIC_GUEST, METRIC_HALTED,
	METRIC_NO_CPU, NUM_METRICS
};

static const char *const metric_names[NUM_METRICS] = {
	"exits_per_sec", "kvm_cpus", "vmm_cpus", "guest_cpus", "halted_cpus",
	"without_cpu",
};

/* A metric over the parts of a measurement. */
struct spread {
	double sum, least, most;
};

struct measure {
	struct spread v[NUM_METRICS];
	size_t num;
	/* Guests were there that are not there from first to last. */
	bool are_others;
};

/* What is tried. */
struct trial {
	const struct options *options;
	struct assignments assignments;
	/* The only one. */
	const struct setting *setting;
	const char *value;
	struct selection guests;
	struct class_write write;
	/* Whose guests all parts are to be about. */
	struct snapshot first;
	struct measure before, with;
};

static int take(const struct trial *trial, struct host *host,
		struct snapshot *snapshot)
{
	const struct snapshot_request request = { .selection = &trial->guests };
	int status = snapshot_read(&trial->options->env, &request, host, snapshot);

	/* It comes and goes, and is no one's load. */
	if (!trial->guests.num)
		snapshot_drop_canary(snapshot);
	return status;
}

static bool are_same_guests(const struct snapshot *a, const struct snapshot *b)
{
	size_t i;

	if (a->num_guests != b->num_guests)
		return false;
	for (i = 0; i < a->num_guests; i++) {
		const struct guest *guest = &a->guests[i].guest;
		const struct guest_snapshot *other = snapshot_find(b, &a->guests[i], a->loaded_ns);

		if (!other || other->guest.created_ns != guest->created_ns)
			return false;
	}
	return true;
}

static void add_slice(struct measure *measure, const struct snapshot *diff)
{
	double values[NUM_METRICS] = { };
	enum metric metric;
	size_t i;

	for (i = 0; i < diff->num_guests; i++) {
		const struct guest_snapshot *g = &diff->guests[i];

		values[METRIC_EXITS] += g->guest.exits;
		values[METRIC_KVM] += exits_part_ns(&g->stats, PART_KERNEL);
		values[METRIC_VMM] += exits_part_ns(&g->stats, PART_VMM);
		values[METRIC_GUEST] += g->guest.guest_time_ns;
		values[METRIC_HALTED] += exits_part_ns(&g->stats, PART_HALTED);
		values[METRIC_NO_CPU] += exits_part_ns(&g->stats, PART_RUNQ);
	}
	values[METRIC_EXITS] *= NSEC_PER_SEC;
	for (metric = 0; metric < NUM_METRICS; metric++) {
		struct spread *spread = &measure->v[metric];
		double value = values[metric] / diff->interval_ns;

		spread->sum += value;
		if (!measure->num || value < spread->least)
			spread->least = value;
		if (!measure->num || value > spread->most)
			spread->most = value;
	}
	measure->num++;
}

/* STATUS_FAILED also when a signal asks to end. */
static int measure(const struct trial *trial, struct measure *measure)
{
	uint64_t slice = trial->options->interval_ns / NUM_SLICES;
	struct snapshot before = { }, after, diff;
	uint64_t next = monotonic_ns() + slice;
	int status, i;
	struct host host;

	status = take(trial, &host, &before);
	host_free(&host);
	measure->are_others = !are_same_guests(&trial->first, &before);
	for (i = 0; i < NUM_SLICES && status == STATUS_OK; i++) {
		if (wait_until(next, -1) == WAIT_END) {
			complain("interrupted before the measurement was complete");
			status = STATUS_FAILED;
			break;
		}
		next += slice;
		after = (struct snapshot){ };
		status = take(trial, &host, &after);
		host_free(&host);
		if (status == STATUS_OK) {
			snapshot_subtract(&before, &after, &diff);
			add_slice(measure, &diff);
			snapshot_free(&diff);
			measure->are_others |= !are_same_guests(&trial->first, &after);
		}
		snapshot_free(&before);
		before = after;
	}
	snapshot_free(&before);
	return status;
}

static bool is_comparable(const struct trial *trial)
{
	return !trial->before.are_others && !trial->with.are_others;
}

/* What chance does is within the spread of either. */
static bool is_clear(const struct spread *a, const struct spread *b)
{
	return a->most < b->least || b->most < a->least;
}

static double average(const struct measure *measure, enum metric metric)
{
	return measure->num ? measure->v[metric].sum / measure->num : 0;
}

static struct value number_text(enum metric metric, double number, bool sign)
{
	const char *format = metric == METRIC_EXITS ?
			     (sign ? "%+.0f" : "%.0f") :
			     (sign ? "%+.3f" : "%.3f");
	/* Less than can be shown is nothing, and has no sign. */
	char *text = xasprintf(format, fabs(number) < 0.0005 ? 0 : number);
	struct value value = value_text(text);

	free(text);
	return value;
}

static int print_table(const struct trial *trial)
{
	struct table *table = trial->options->table;
	bool comparable = is_comparable(trial);
	enum metric i;

	for (i = 0; i < NUM_METRICS; i++) {
		const struct spread *a = &trial->before.v[i];
		const struct spread *b = &trial->with.v[i];
		double before = average(&trial->before, i);
		double with = average(&trial->with, i);
		struct value *values = table_add_row(table);

		values[COL_METRIC] = value_text(metric_names[i]);
		values[COL_BEFORE] = number_text(i, before, false);
		values[COL_BEFORE_SPREAD] = number_text(i, a->most - a->least,
							false);
		values[COL_WITH] = number_text(i, with, false);
		values[COL_WITH_SPREAD] = number_text(i, b->most - b->least,
						      false);
		values[COL_CHANGE] = number_text(i, with - before, true);
		values[COL_CLEAR] = value_text(!comparable ? "?" :
						       is_clear(a, b) ? "yes" : "no");
	}
	return table_print(table, &trial->options->style);
}

static json_t *side_to_json(const struct measure *measure, enum metric metric)
{
	json_t *json = json_object();

	json_set(json, "mean", json_real(average(measure, metric)));
	json_set(json, "least", json_real(measure->v[metric].least));
	json_set(json, "most", json_real(measure->v[metric].most));
	return json;
}

static int print_json(const struct trial *trial, const struct host *host)
{
	json_t *json = json_document(host, NULL, trial->options->interval_ns);
	bool comparable = is_comparable(trial);
	json_t *array = json_array();
	enum metric i;

	for (i = 0; i < NUM_METRICS; i++) {
		json_t *one = json_object();

		json_set(one, "metric", json_text(metric_names[i]));
		json_set(one, "before", side_to_json(&trial->before, i));
		json_set(one, "with", side_to_json(&trial->with, i));
		json_set(one, "clear", !comparable ? json_null() :
			 json_boolean(is_clear(&trial->before.v[i], &trial->with.v[i])));
		json_array_append_new(array, one);
	}
	json_set(json, "name", json_text(trial->setting->name));
	json_set(json, "value", json_text(trial->value));
	json_set(json, "before", trial->setting->kind == SETTING_ACTION ? json_null() :
				 json_text(trial->write.before));
	json_set(json, "try", array);
	return json_write(json);
}

/* An action is done once, and stays. */
static int try_action(struct trial *trial, const struct host *host,
		      const struct guest *guest)
{
	int status = measure(trial, &trial->before);

	if (status == STATUS_OK)
		status = collapse_guest(trial->options, host, guest, true);
	return status == STATUS_OK ? measure(trial, &trial->with) : status;
}

/* The value is another one from when the guardian stands until it has ended. */
static int try(struct trial *trial)
{
	const struct env *env = &trial->options->env;
	struct guardian guardian;
	int status, restored;

	status = measure(trial, &trial->before);
	if (status != STATUS_OK)
		return status;
	status = guardian_start(&guardian, env, &trial->write);
	if (status != STATUS_OK)
		return status;
	status = class_write_apply(env, &trial->write);
	if (status == STATUS_OK) {
		guardian_expect(&guardian, env, &trial->write);
		status = measure(trial, &trial->with);
	}
	restored = guardian_end(&guardian);
	return status == STATUS_OK ? restored : status;
}

/* A guest that is named by a value for one guest has to be one. */
static int find_guest(const struct trial *trial, const struct snapshot *snapshot,
		      const struct guest **guest)
{
	*guest = NULL;
	if (trial->setting->kind == SETTING_PARAM)
		return STATUS_OK;
	if (snapshot_check_single(snapshot, trial->options->error) != STATUS_OK)
		return STATUS_USAGE;
	*guest = &snapshot->guests[0].guest;
	return STATUS_OK;
}

static int check_change(const struct trial *trial)
{
	char *how;

	if (trial->setting->kind == SETTING_PARAM &&
	    setting_is_for_new(trial->setting, &trial->options->env)) {
		complain("%s cannot be tried, because it is for guests that start later on this kernel; for a running one: l1tune try halt_poll_ns=%s --l2 GUEST",
			 trial->setting->name, trial->value);
		return STATUS_FAILED;
	}
	if (trial->setting->kind == SETTING_ACTION ||
	    !setting_needs_reload(trial->setting, &trial->options->env))
		return STATUS_OK;
	how = setting_reload(trial->setting, &trial->options->env, trial->value);
	complain("%s cannot be tried, because it can only be changed when its module is loaded: %s",
		 trial->setting->name, how);
	free(how);
	return STATUS_FAILED;
}

static int work(struct trial *trial)
{
	const struct env *env = &trial->options->env;
	const struct guest *guest;
	struct host host;
	char *device;
	int status;

	wait_catch_signals();
	status = take(trial, &host, &trial->first);
	if (status == STATUS_OK)
		status = find_guest(trial, &trial->first, &guest);
	if (status == STATUS_OK)
		status = check_change(trial);
	if (status == STATUS_OK && trial->setting->kind == SETTING_ACTION) {
		status = try_action(trial, &host, guest);
	} else if (status == STATUS_OK) {
		device = guest_device(guest);
		setting_plan(trial->setting, env, device, trial->value, &trial->write);
		free(device);
		status = try(trial);
	}
	if (status == STATUS_OK && !is_comparable(trial))
		complain("guests started or ended while it was measured: what changed may be theirs");
	if (status == STATUS_OK && trial->options->json)
		status = print_json(trial, &host);
	else if (status == STATUS_OK)
		status = print_table(trial);
	if (status == STATUS_OK && trial->setting->kind == SETTING_ACTION &&
	    !trial->options->json)
		puts("The memory stays in huge pages: nothing was restored.");
	free(trial->write.after);
	snapshot_free(&trial->first);
	host_free(&host);
	return status;
}

static int parse(struct trial *trial)
{
	const struct options *options = trial->options;
	const struct setting *setting;
	struct selection none = { };
	char *guest = (char *)options->guest;
	int status = selection_parse(&guest, !!guest, &trial->guests, options->error);

	if (status == STATUS_OK)
		status = assignments_parse(options->words, options->num_words,
					   SETTING_TUNE | SETTING_PARAM | SETTING_ACTION,
					   &none, &trial->assignments, options->error);
	selection_free(&none);
	if (status != STATUS_OK)
		return status;
	if (!trial->assignments.num)
		return error_set(options->error, "NAME=VALUE expected");
	trial->setting = setting = trial->assignments.v[0].setting;
	trial->value = trial->assignments.v[0].value;
	if (setting->kind == SETTING_TUNE && !setting->is_guests)
		return error_set(options->error, "%s is fixed when a guest starts: set it with l1tune tune and start a guest to see its effect",
				 setting->name);
	if (setting->kind != SETTING_PARAM && !trial->guests.num)
		return error_set(options->error, "%s belongs to a guest: name it with --l2 GUEST",
				 setting->name);
	return STATUS_OK;
}

static int run(struct options *options)
{
	struct trial trial = { .options = options };
	int status = parse(&trial);

	options->most_stall_ns = COLLAPSE_MOST_STALL_NS;
	if (status == STATUS_OK)
		status = env_open(&options->env);
	if (status == STATUS_OK) {
		status = work(&trial);
		env_close(&options->env);
	}
	assignments_free(&trial.assignments);
	selection_free(&trial.guests);
	return status;
}

/* What a guest can have for itself, and parameters. */
static bool names(size_t i, struct named *named)
{
	const struct setting *s = i > 1 ? setting_at(i - 2, SETTING_PARAM) :
				  i ? setting_at(0, SETTING_ACTION) :
				      setting_find("halt_poll_ns", SETTING_TUNE);

	if (s)
		*named = (struct named){ s->name, s->what,
					 s->kind == SETTING_ACTION ? s->unset : NULL };
	return s;
}

static const struct option_spec own_options[] = {
	OPTION(SECONDS, 0, "for", "SEC", interval_ns,
	       "how long to measure, before and after; 10 by default"),
	OPTION(TEXT, 0, "l2", "GUEST", guest,
	       "tune and measure this guest: 3, pid:N, a name ...; without it,\n"
	       "parameters of KVM are measured on all guests"),
	{ }
};

const struct command cmd_try = {
	.name = "try",
	.synopsis = "[OPTION]... NAME=VALUE",
	.summary = "apply a setting, measure its effect, restore it",
	.about = "Measures guests, applies a setting as l1tune tune does, measures again, restores\n"
		 "the old value, and shows the difference and its spread. Another process restores\n"
		 "the value if this one is killed. NAME: halt_poll_ns or huge_pages of a guest, or\n"
		 "a parameter of KVM that l1tune tune can change now (column CHANGE).\n"
		 "huge_pages=collapse stays: it cannot be undone.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_TABLE | OPTIONS_JSON,
	.interval_ns = 10 * NSEC_PER_SEC,
	.words = WORDS_ASSIGNMENTS,
	.least_words = 1,
	.most_words = 1,
	.columns = columns,
	.num_columns = NUM_COLS,
	.default_columns = "METRIC,BEFORE,BEFORE_SPREAD,WITH,WITH_SPREAD,CHANGE,CLEAR",
	.names_title = "Names",
	.names = names,
};
