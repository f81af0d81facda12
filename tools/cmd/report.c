// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/replace.h"
#include "base/util.h"
#include "base/wait.h"
#include "bench/file.h"
#include "cmd/capture.h"
#include "cmd/command.h"
#include "cmd/history.h"
#include "model/json.h"
#include "model/machine.h"
#include "record/replayer.h"
#include "report/anonymous.h"
#include "report/markdown.h"
#include "report/page.h"
#include "report/rows.h"
#include "report/timeline.h"
#include "ui/event-show.h"

/* Steps of a timeline: no more than these, and none shorter. */
#define MAX_STEPS	120
#define MIN_STEP_NS	(NSEC_PER_SEC / 4)
#define SLOW_EXITS	12
/* The latest. */
#define MAX_EVENTS	200
/* replay --from TIME --to TIME COMMAND */
#define REPLAY_WORDS	6

#define DOCTOR	0

/* The documents of other commands: of the interval, or of the present state. */
static const struct source {
	const char *command;
	bool is_of_interval;
} sources[] = {
	[DOCTOR] = { "doctor", false },
	{ "stat", true },
	{ "advise", true },
	{ "limits", false },
	{ "caps", false },
};

struct reporter {
	const struct options *options;
	bool is_past;
	/* The interval that is reported, and the one requested. */
	uint64_t start_ns, end_ns, asked_start_ns, asked_end_ns;
	struct capture captures[ARRAY_SIZE(sources)];
	struct machine machine;
	json_t *report, *missing;
};

static int parse_window(struct reporter *reporter)
{
	const struct options *options = reporter->options;
	int status = STATUS_OK;

	reporter->is_past = options->from;
	reporter->start_ns = reporter->end_ns = realtime_ns();
	if (reporter->is_past)
		status = history_window(options, &reporter->start_ns, &reporter->end_ns);
	reporter->asked_start_ns = reporter->start_ns;
	reporter->asked_end_ns = reporter->end_ns;
	return status;
}

/* A page on a terminal is of no use. */
static int check_output(const struct options *options)
{
	if (options->output || options->text || options->json || !isatty(STDOUT_FILENO))
		return STATUS_OK;
	return error_set(options->error, "-o FILE is missing: use it for a page, or --text for a terminal");
}

/* A time as replay takes it, whatever the time zone. */
static char *utc_text(uint64_t ns)
{
	time_t seconds = ns / NSEC_PER_SEC;
	char text[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return xasprintf("%s.%09lluZ", text, (unsigned long long)(ns % NSEC_PER_SEC));
}

/* What happened in the past replay tells. */
static int start_replay(struct reporter *reporter, size_t i)
{
	char *words[REPLAY_WORDS + 1] = { xstrdup("replay"), xstrdup("--from"), utc_text(reporter->start_ns),
					   xstrdup("--to"), utc_text(reporter->end_ns),
					   xstrdup(sources[i].command), NULL };
	struct options options = *reporter->options;
	int status;
	size_t n;

	options.interval_ns = 0;
	status = capture_start(&reporter->captures[i], &options, words, REPLAY_WORDS);
	for (n = 0; n < REPLAY_WORDS; n++)
		free(words[n]);
	return status;
}

static int start_now(struct reporter *reporter, size_t i)
{
	char *words[2] = { xstrdup(sources[i].command), NULL };
	struct options options = *reporter->options;
	int status;

	/* advise observes one interval in any case. */
	options.count = 1;
	if (!sources[i].is_of_interval)
		options.interval_ns = options.count = 0;
	status = capture_start(&reporter->captures[i], &options, words, 1);
	free(words[0]);
	return status;
}

static int start_source(struct reporter *reporter, size_t i)
{
	return reporter->is_past && sources[i].is_of_interval ? start_replay(reporter, i) :
								start_now(reporter, i);
}

static void add_missing(struct reporter *reporter, const char *document, const char *why)
{
	json_set(reporter->missing, document, json_text(why));
}

static void finish_source(struct reporter *reporter, size_t i)
{
	json_t *json;
	char *why;

	json = capture_finish(&reporter->captures[i], &why);
	if (!json)
		add_missing(reporter, sources[i].command, why);
	json_set(reporter->report, sources[i].command, json ? json : json_null());
	free(why);
}

static int read_now(const struct options *options, struct snapshot *snapshot)
{
	static const struct selection all;
	const struct snapshot_request request = { .selection = &all };
	struct host host;
	int status = snapshot_read(&options->env, &request, &host, snapshot);

	host_free(&host);
	return status;
}

static uint64_t step_of(uint64_t length_ns, uint64_t least_ns)
{
	return length_ns / MAX_STEPS > least_ns ? length_ns / MAX_STEPS : least_ns;
}

/* Why there is nothing to see the commands say: once is enough. */
static bool watch(struct reporter *reporter, struct timeline *timeline)
{
	struct options options = *reporter->options;
	uint64_t next = monotonic_ns(), end = next + options.interval_ns;
	uint64_t step = step_of(options.interval_ns, MIN_STEP_NS);
	struct snapshot snapshot;
	int status;

	complain_to(complain_ignore);
	status = env_open(&options.env);
	while (status == STATUS_OK) {
		status = read_now(&options, &snapshot);
		if (status == STATUS_OK)
			timeline_add(timeline, &snapshot);
		snapshot_free(&snapshot);
		next += step;
		if (next > end || wait_until(next, -1) == WAIT_END)
			break;
	}
	env_close(&options.env);
	complain_to(NULL);
	reporter->end_ns = realtime_ns();
	return status == STATUS_OK;
}

/* Where there is no record there is a gap. */
static void add_past(struct replayer *replayer, struct timeline *timeline, uint64_t ns)
{
	const struct moment *moment = replayer_find(replayer, ns);
	struct moment copy;

	if (!moment) {
		timeline_break(timeline);
		return;
	}
	moment_copy(&copy, moment);
	timeline_add(timeline, &copy.snapshot);
	moment_free(&copy);
}

static uint64_t record_interval_ns(struct replayer *replayer, uint64_t ns)
{
	const struct moment *moment = replayer_find(replayer, ns);

	return moment ? moment->interval_ns : MIN_STEP_NS;
}

static void look_back(struct reporter *reporter, struct replayer *replayer,
		      struct timeline *timeline)
{
	uint64_t step, ns;

	complain_to(complain_ignore);
	step = step_of(reporter->end_ns - reporter->start_ns,
		       record_interval_ns(replayer, reporter->end_ns));
	for (ns = reporter->start_ns; ns < reporter->end_ns; ns += step)
		add_past(replayer, timeline, ns);
	add_past(replayer, timeline, reporter->end_ns);
	complain_to(NULL);
}

static void add_timeline(struct reporter *reporter, struct replayer *replayer)
{
	struct timeline timeline;
	json_t *json = json_object();

	timeline_start(&timeline);
	if (reporter->is_past)
		look_back(reporter, replayer, &timeline);
	else
		watch(reporter, &timeline);
	json_set(json, "points", timeline_finish(&timeline));
	json_set(reporter->report, "timeline", json);
}

/* The latest first. */
static int add_event(const struct host *host, struct event *event, void *arg)
{
	json_t *json = event_to_json(event), *events = arg;

	(void)host;
	if (is_of_canary(json)) {
		json_decref(json);
		return STATUS_OK;
	}
	json_set(json, "time_ns", json_number(event->time.tv_sec * NSEC_PER_SEC + event->time.tv_nsec));
	json_array_insert_new(events, 0, json);
	if (json_array_size(events) > MAX_EVENTS)
		json_array_remove(events, MAX_EVENTS);
	return STATUS_OK;
}

/* There are none but those that record kept. */
static void add_events(struct reporter *reporter, struct replayer *replayer)
{
	json_t *events = json_array();

	if (replayer)
		replayer_events(&replayer->past, reporter->start_ns, reporter->end_ns, add_event,
				events);
	else
		add_missing(reporter, "events", "only a history has events: use --from");
	json_set(reporter->report, "events", events);
}

static void add_bench(struct reporter *reporter)
{
	struct measurement saved;
	const struct measurement *m;
	const char *why;

	m = bench_saved(reporter->options->env.state, &reporter->machine, &saved, &why);
	json_set(reporter->report, "bench", m ? bench_to_json(m) : json_null());
	if (!m)
		add_missing(reporter, "bench", why);
}

static json_t *machine_to_json(const struct machine *machine)
{
	json_t *json = json_object();

	json_set(json, "kernel", json_text(machine->kernel));
	json_set(json, "cpu", json_text(machine->cpu));
	json_set(json, "num_cpus", json_number(machine->num_cpus));
	json_set(json, "microcode", json_text(machine->microcode));
	json_set(json, "virtualized", json_boolean(machine->virtualized));
	json_set(json, "vendor", json_text(machine->vendor));
	json_set(json, "instance_type", json_text(machine->product));
	return json;
}

static json_t *about(struct reporter *reporter)
{
	const struct options *options = reporter->options;
	json_t *json = json_object();
	char host[128];

	machine_file(options->env.proc, host, sizeof(host), "sys/kernel/hostname");
	json_set(json, "host", *host ? json_text(host) : json_null());
	json_set(json, "from_ns", json_number(reporter->start_ns));
	json_set(json, "to_ns", json_number(reporter->end_ns));
	json_set(json, "asked_from_ns", json_number(reporter->asked_start_ns));
	json_set(json, "asked_to_ns", json_number(reporter->asked_end_ns));
	json_set(json, "history", json_boolean(reporter->is_past));
	json_set(json, "anonymous", json_boolean(options->anonymous));
	json_set(json, "machine", machine_to_json(&reporter->machine));
	json_set(json, "missing", reporter->missing);
	return json;
}

/* What every document begins with: also without the module, which doctor is about. */
static json_t *start_document(struct reporter *reporter)
{
	struct host host = { };
	struct env env = reporter->options->env;
	json_t *json;

	complain_to(complain_ignore);
	if (host_open(&env, &host) != STATUS_OK) {
		host_free(&host);
		host = (struct host){ };
		snprintf(host.boot_id, sizeof(host.boot_id), "%s", reporter->machine.boot_id);
	}
	complain_to(NULL);
	json = json_document(&host, NULL, 0);
	host_close(&env, &host);
	return json;
}

static int collect(struct reporter *reporter, struct replayer *replayer)
{
	size_t started, i;
	int status;

	machine_read(&reporter->options->env, &reporter->machine);
	reporter->missing = json_object();
	reporter->report = start_document(reporter);
	/* It runs a VM of its own, which has ended before the others look. */
	status = start_source(reporter, DOCTOR);
	finish_source(reporter, DOCTOR);
	if (!reporter->is_past)
		reporter->start_ns = reporter->asked_start_ns = realtime_ns();
	for (started = DOCTOR + 1; started < ARRAY_SIZE(sources) && status == STATUS_OK; started++)
		status = start_source(reporter, started);
	wait_catch_signals();
	if (status == STATUS_OK)
		add_timeline(reporter, replayer);
	for (i = DOCTOR + 1; i < started; i++)
		finish_source(reporter, i);
	drop_canary(json_object_get(reporter->report, "stat"));
	add_events(reporter, replayer);
	add_bench(reporter);
	json_set(reporter->report, "slow", slow_exits(json_object_get(reporter->report, "stat"), SLOW_EXITS));
	json_set(reporter->report, "report", about(reporter));
	return status;
}

static int complain_of(const char *path, int err)
{
	complain("%s: %s", path, strerror(-err));
	return err == -EACCES || err == -EPERM || err == -EROFS ? STATUS_NOT_PERMITTED : STATUS_FAILED;
}

static int write_json(FILE *file, const json_t *report)
{
	char *text = json_dumps(report, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (!text) {
		complain("cannot write JSON: out of memory");
		return STATUS_FAILED;
	}
	fprintf(file, "%s\n", text);
	free(text);
	return STATUS_OK;
}

static int write_report(FILE *file, const struct options *options, json_t *report)
{
	if (options->json)
		return write_json(file, report);
	if (!options->text)
		return page_write(file, report);
	markdown_write(file, report);
	return STATUS_OK;
}

/* What guests do is root's and the group's: the file is the user's alone, even if there was one. */
static int write_file(const struct options *options, json_t *report)
{
	struct replacement replacement;
	int err, status;

	err = replacement_start_own(&replacement, options->output, 0600);
	if (err)
		return complain_of(options->output, err);
	status = write_report(replacement.file, options, report);
	if (status != STATUS_OK) {
		replacement_drop(&replacement);
		return status;
	}
	err = replacement_finish(&replacement);
	return err ? complain_of(options->output, err) : STATUS_OK;
}

static int write_out(const struct options *options, json_t *report)
{
	if (options->output && strcmp(options->output, "-"))
		return write_file(options, report);
	return write_report(stdout, options, report);
}

static int report(struct reporter *reporter, struct replayer *replayer)
{
	int status = collect(reporter, replayer);

	if (reporter->options->anonymous)
		report_anonymize(reporter->report);
	if (status == STATUS_OK)
		status = write_out(reporter->options, reporter->report);
	json_decref(reporter->report);
	return status;
}

static int run(struct options *options)
{
	struct reporter reporter = { .options = options };
	struct replayer replayer;
	int status = check_output(options);

	if (status == STATUS_OK)
		status = parse_window(&reporter);
	if (status != STATUS_OK || !reporter.is_past)
		return status == STATUS_OK ? report(&reporter, NULL) : status;
	status = history_of(options, "omit --from for a report of now", &replayer);
	if (status == STATUS_OK && !replayer_fit(&replayer, &reporter.start_ns, &reporter.end_ns))
		status = STATUS_FAILED;
	if (status == STATUS_OK)
		status = report(&reporter, &replayer);
	replayer_close(&replayer);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(TEXT, 'o', "output", "FILE", output, "write to FILE; to standard output by default"),
	OPTION(SECONDS, 'i', "interval", "SEC", interval_ns, "how long to observe; 10 by default",
	       .excludes = "from"),
	OPTION(TEXT, 0, "from", "TIME", from, "report what happened from TIME on, from the history"),
	OPTION(TEXT, 0, "to", "TIME", to, "end there; the present by default", .needs = "from"),
	OPTION(FLAG, 0, "anonymous", NULL, anonymous, "replace names, paths, PIDs and uids"),
	OPTION(FLAG, 0, "text", NULL, text, "write Markdown, for an issue tracker", .excludes = "json"),
	{ }
};

const struct command cmd_report = {
	.name = "report",
	.synopsis = "[OPTION]...",
	.summary = "write one HTML page about this machine and its guests",
	.about = "Observes guests for 10 seconds, or takes what l1tune record kept, and writes one\n"
		 "HTML page: timeline, latency, advice, guests, slow exits, guests that ended,\n"
		 "events, limits, the machine, doctor, capabilities and costs. The page loads\n"
		 "nothing and has the JSON documents inside. TIME is as in l1tune replay.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_DEV | OPTIONS_STATE | OPTIONS_JSON,
	.interval_ns = 10 * NSEC_PER_SEC,
};
