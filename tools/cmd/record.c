// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "base/error.h"
#include "base/terminal.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/command.h"
#include "explain/advice-log.h"
#include "model/json.h"
#include "record/canary-run.h"
#include "record/event-log.h"
#include "record/event-name.h"
#include "record/gone-log.h"
#include "record/history-rest.h"
#include "record/history-write.h"
#include "record/move-log.h"
#include "record/watch-log.h"
#include "settings/limit-value.h"
#include "ui/drift-show.h"

#define DEFAULT_SIZE	"256M"
#define MIN_SIZE	(1 << 20)

struct recorder {
	struct options *options;
	struct history_writer writer;
	/* What the one before could not write. */
	struct history_rest rest;
	/* Since the last moment, without names of guests. */
	struct event_log news;
	/* Of each tier, as each has all events. */
	struct event_log events[NUM_TIERS];
	struct gone_log gone;
	struct watch_log watch;
	struct advice_log advice;
	struct move_log move;
	uint64_t due_ns[NUM_TIERS];
	struct guest_cache cache;
	uint64_t loaded_ns;
	/* CLOCK_BOOTTIME of the last moment. */
	uint64_t taken_ns;
	bool is_open;
	/* With --canary. */
	struct canary_run canary;
};

/* What goes wrong with every record is said once. */
static char *last_complaint;

static void complain_once(const char *message)
{
	if (last_complaint && !strcmp(message, last_complaint))
		return;
	free(last_complaint);
	last_complaint = xstrdup(message);
	complain_to(NULL);
	complain("%s", message);
	complain_to(complain_once);
}

static void add_event(uint64_t time_ns, const char *words, void *arg)
{
	struct recorder *recorder = arg;

	event_log_add(&recorder->news, time_ns, words);
}

/* Which load of the module it is; its guests have the ids of others. */
static void meet_module(struct recorder *recorder, uint64_t loaded_ns)
{
	guest_cache_free(&recorder->cache);
	advice_log_free(&recorder->advice);
	if (loaded_ns)
		add_event(loaded_ns, "EVENT=module ACTION=add", recorder);
}

/* The module may not be loaded yet, or come back later. */
static int read_host(struct recorder *recorder, struct host *host)
{
	struct env *env = &recorder->options->env;
	int status = recorder->is_open ? STATUS_OK : env_open(env);

	recorder->is_open = status == STATUS_OK;
	if (status == STATUS_OK)
		status = host_read(env, host);
	if (status != STATUS_OK && recorder->is_open) {
		env_close(env);
		recorder->is_open = false;
	}
	if (status != STATUS_OK || host->loaded_ns != recorder->loaded_ns)
		meet_module(recorder, status == STATUS_OK ? host->loaded_ns : 0);
	recorder->loaded_ns = status == STATUS_OK ? host->loaded_ns : 0;
	return status;
}

/* Guests that could not be read are left out. */
static int take(struct recorder *recorder, struct moment *moment)
{
	const struct selection everyone = { };
	const struct snapshot_request request = {
		.selection = &everyone, .all = true, .beside = true,
		.cache = &recorder->cache,
	};
	const struct env *env = &recorder->options->env;
	int status = read_host(recorder, &moment->host);

	if (status != STATUS_OK)
		return status;
	event_log_read(&recorder->news, env, moment->host.loaded_ns);
	gone_log_read(&recorder->gone, env, moment->host.loaded_ns, add_event, recorder);
	watch_log_take(&recorder->watch, env->state, moment->host.boot_id, add_event, recorder);
	machine_files_read(env, &moment->files);
	status = snapshot_take(env, &moment->host, &request, &moment->snapshot);
	return status == STATUS_FAILED ? STATUS_OK : status;
}

static uint64_t interval_of(const struct recorder *recorder, enum tier tier)
{
	uint64_t interval_ns = recorder->options->interval_ns;
	uint64_t least_ns = tier_kinds[tier].least_ns;

	return interval_ns < least_ns ? least_ns : interval_ns;
}

static int complain_of_write(const struct recorder *recorder, int err)
{
	complain("%s/record: %s: nothing is recorded until this is fixed%s",
		 recorder->options->env.state, err == -EFBIG ?
		 "a record is larger than the history may be" : strerror(-err),
		 err == -ENOSPC || err == -EDQUOT ? ": free some space, or use a smaller --size" :
		 err == -EFBIG ? ": use a larger --size" : "");
	return STATUS_FAILED;
}

/* In a moment of the same load of the module; NULL if it is not there. */
static const char *name_in(const struct moment *moment, const struct host *host, uint64_t id)
{
	size_t i;

	if (moment->host.loaded_ns != host->loaded_ns ||
	    strcmp(moment->host.boot_id, host->boot_id))
		return NULL;
	for (i = 0; i < moment->snapshot.num_guests; i++) {
		const struct guest *guest = &moment->snapshot.guests[i].guest;

		if (guest->id == id)
			return guest->name;
	}
	return NULL;
}

/* A guest is in the moment before its end, and in the one after its start. */
static char *name_line(const struct recorder *recorder, const struct moment *moment,
		       const char *line)
{
	const struct moment *before = &recorder->writer.tiers[TIER_FINE].before;
	const char *name;
	uint64_t id;

	if (!event_name_is_missing(line, &id))
		return xstrdup(line);
	name = name_in(moment, &moment->host, id);
	if (!name)
		name = name_in(before, &moment->host, id);
	if (!name)
		name = name_in(&recorder->rest.last, &moment->host, id);
	return name ? event_name_add(line, name) : xstrdup(line);
}

/* To each tier. */
static void hand_out_news(struct recorder *recorder, const struct moment *moment)
{
	size_t n;
	int i;

	for (n = 0; n < recorder->news.num; n++) {
		char *line = name_line(recorder, moment, recorder->news.lines[n]);

		for (i = 0; i < NUM_TIERS; i++)
			event_log_take(&recorder->events[i], xstrdup(line));
		free(line);
	}
	event_log_clear(&recorder->news);
}

static int write_record(struct recorder *recorder, enum tier tier, struct moment *moment,
			const struct event_log *log)
{
	int err;

	moment->interval_ns = interval_of(recorder, tier);
	moment->events = log->lines;
	moment->num_events = log->num;
	err = history_write(&recorder->writer, tier, moment);
	moment->events = NULL;
	moment->num_events = 0;
	return err ? complain_of_write(recorder, err) : STATUS_OK;
}

/* Events stay until they are written. */
static int write_tier(struct recorder *recorder, enum tier tier, struct moment *moment)
{
	struct event_log *log = &recorder->events[tier];
	int status = write_record(recorder, tier, moment, log);

	if (status != STATUS_OK)
		return status;
	event_log_clear(log);
	recorder->due_ns[tier] = monotonic_ns() + interval_of(recorder, tier);
	return STATUS_OK;
}

/* A tier of less frequent records takes the one that is nearest to its time. */
static bool is_due(const struct recorder *recorder, enum tier tier)
{
	uint64_t interval_ns = recorder->options->interval_ns;

	return interval_of(recorder, tier) == interval_ns ||
	       monotonic_ns() + interval_ns / 2 >= recorder->due_ns[tier];
}

static void add_advice(const struct advice_entry *entry, bool is_new, void *arg)
{
	struct recorder *recorder = arg;
	char *words = xasprintf("EVENT=advice ACTION=%s %s%llu RULE=%s", is_new ? "add" : "remove",
				entry->guest_id ? "L2=l2-" : "GUESTS=",
				(unsigned long long)(entry->guest_id ? entry->guest_id :
						     entry->num_guests), entry->rule);

	add_event(recorder->taken_ns, words, recorder);
	free(words);
}

/* Once a minute, with what happened since the record of a minute ago. */
static void look_for_advice(struct recorder *recorder, const struct moment *moment)
{
	const struct moment *before = &recorder->writer.tiers[TIER_MINUTE].before;

	if (!is_due(recorder, TIER_MINUTE) ||
	    before->snapshot.loaded_ns != moment->snapshot.loaded_ns)
		return;
	recorder->taken_ns = moment->snapshot.taken_ns;
	advice_log_look(&recorder->advice, &recorder->options->env, &moment->host,
			&before->snapshot, &moment->snapshot, add_advice, recorder);
}

/* A service's standard error is in the journal, and syslog would be there too. */
static void warn_journal(const char *text)
{
	complain_to(NULL);
	complain("%s", text);
	complain_to(complain_once);
	if (!getenv("JOURNAL_STREAM"))
		syslog(LOG_DAEMON | LOG_WARNING, "%s", text);
}

/* Once a minute: it takes two milliseconds where a clock other than the TSC is read. */
static void look_for_move(struct recorder *recorder, const struct moment *moment)
{
	char *changes, *words, *text;

	if (!moment->host.virtualized || !is_due(recorder, TIER_MINUTE))
		return;
	changes = move_log_look(&recorder->move, &recorder->options->env);
	if (!changes)
		return;
	words = move_log_words(changes);
	add_event(moment->snapshot.taken_ns, words, recorder);
	text = xasprintf("L0 may have moved this machine: %s", changes);
	warn_journal(text);
	free(text);
	free(words);
	free(changes);
}

/* What the recorder before this one would have written at its end; nothing is due for it. */
static int write_left(struct recorder *recorder)
{
	int status = STATUS_OK, i;

	for (i = TIER_FINE + 1; i < NUM_TIERS && status == STATUS_OK; i++) {
		struct event_log *log = &recorder->rest.events[i];
		struct moment same;

		if (!log->num)
			continue;
		moment_share(&same, &recorder->rest.last);
		status = write_record(recorder, i, &same, log);
		if (status == STATUS_OK)
			event_log_clear(log);
		moment_free(&same);
	}
	return status;
}

/* The first tier is due each time, and takes the moment over. */
static int write_tiers(struct recorder *recorder, struct moment *moment)
{
	int status = write_left(recorder), i;

	for (i = TIER_FINE + 1; i < NUM_TIERS && status == STATUS_OK; i++) {
		struct moment same;

		if (!is_due(recorder, i))
			continue;
		moment_share(&same, moment);
		status = write_tier(recorder, i, &same);
		moment_free(&same);
	}
	return status == STATUS_OK ? write_tier(recorder, TIER_FINE, moment) : status;
}

/* A record that is printed is on the disk. */
static int write_and_print(struct recorder *recorder, struct moment *moment)
{
	json_t *json = recorder->options->json ?
		       json_snapshot(&moment->host, &moment->snapshot, JSON_REASONS) : NULL;
	int status = write_tiers(recorder, moment);

	if (status != STATUS_OK || !json) {
		json_decref(json);
		return status;
	}
	status = json_write(json);
	return status == STATUS_OK ? terminal_flush() : status;
}

static int record_one(struct recorder *recorder)
{
	struct moment moment = { };
	int status = take(recorder, &moment);

	if (status == STATUS_OK) {
		look_for_advice(recorder, &moment);
		look_for_move(recorder, &moment);
		hand_out_news(recorder, &moment);
		status = write_and_print(recorder, &moment);
	}
	if (status == STATUS_OK) {
		watch_log_drop(&recorder->watch, recorder->options->env.state);
		free(last_complaint);
		last_complaint = NULL;
	}
	moment_free(&moment);
	return status;
}

static void tell_change(const struct drift_change *change)
{
	char *text = drift_text(change);

	warn_journal(text);
	free(text);
}

static void take_canary(struct recorder *recorder)
{
	struct host host = { };
	struct drift_change change;
	const char *error;
	bool is_there = read_host(recorder, &host) == STATUS_OK;

	if (canary_run_sample(&recorder->canary, is_there ? &host : NULL, &change, &error))
		tell_change(&change);
	/* It looks at its own guest with a sink of its own. */
	complain_to(complain_once);
	if (error)
		complain("canary: %s: the cost of an exit is unknown until this is fixed", error);
	host_free(&host);
}

static enum wait_result wait_for_next(struct recorder *recorder, uint64_t next_ns)
{
	enum wait_result result = WAIT_TIME;

	while (recorder->options->canary && result == WAIT_TIME &&
	       recorder->canary.due_ns < next_ns) {
		result = wait_until(recorder->canary.due_ns, -1);
		if (result == WAIT_TIME)
			take_canary(recorder);
	}
	return result == WAIT_TIME ? wait_until(next_ns, -1) : result;
}

/* A tier of less frequent records has what happened since its last one in memory only. */
static void write_rest(struct recorder *recorder)
{
	struct moment *last = &recorder->writer.tiers[TIER_FINE].before;
	int i;

	/* What could not be written is of a moment that is not there any more. */
	if ((recorder->news.num || recorder->events[TIER_FINE].num) &&
	    record_one(recorder) != STATUS_OK)
		return;
	for (i = TIER_FINE + 1; i < NUM_TIERS && last->snapshot.taken_ns; i++) {
		struct moment same;

		if (!recorder->events[i].num)
			continue;
		moment_share(&same, last);
		write_tier(recorder, i, &same);
		moment_free(&same);
	}
}

/* What may be mended while it runs does not end it. */
static bool is_fatal(int status)
{
	return status == STATUS_NOT_PERMITTED;
}

static int record(struct recorder *recorder)
{
	const struct options *options = recorder->options;
	uint64_t next = monotonic_ns(), done = 0;
	int status;

	wait_catch_signals();
	guest_cache_allow_files();
	complain_to(complain_once);
	do {
		status = record_one(recorder);
		next += options->interval_ns;
		/* What it slept through is not made up for. */
		if (next < monotonic_ns())
			next = monotonic_ns() + options->interval_ns;
	} while (!is_fatal(status) && ++done != options->count &&
		 wait_for_next(recorder, next) != WAIT_END);
	if (!is_fatal(status))
		write_rest(recorder);
	complain_to(NULL);
	free(last_complaint);
	return is_fatal(status) || options->count ? status : STATUS_OK;
}

static int parse_size(const struct options *options, uint64_t *bytes)
{
	static const struct limit_kind size = { .is_bytes = true };
	const char *text = options->size ? options->size : DEFAULT_SIZE;
	const char *wrong = limit_parse_value(&size, text, bytes);

	if (!wrong && *bytes != LIMIT_NONE && *bytes >= MIN_SIZE)
		return STATUS_OK;
	return error_set(options->error, "--size: '%s' is not a size of at least 1M: use a whole number with K, M, G, T or P",
			 text);
}

static int open_history(struct recorder *recorder, uint64_t bytes)
{
	const char *state = recorder->options->env.state;
	char *dir = xasprintf("%s/record", state);
	const char *failed = state;
	int err = mkdir(state, 0755) && errno != EEXIST ? -errno : 0;

	if (!err) {
		failed = dir;
		err = history_writer_open(&recorder->writer, dir, bytes);
	}
	if (!err)
		err = history_rest_read(&recorder->rest, dir);
	if (err == -EWOULDBLOCK)
		complain("%s: another l1tune record writes to it: stop that one (systemctl stop l1tune-record), or use another --state",
			 dir);
	else if (err)
		complain("%s: %s", failed, strerror(-err));
	free(dir);
	return !err ? STATUS_OK : err == -EACCES || err == -EPERM ?
	       STATUS_NOT_PERMITTED : STATUS_FAILED;
}

static int open_canary(struct recorder *recorder, uint64_t bytes)
{
	const struct options *options = recorder->options;
	int err;

	recorder->canary.log.fd = -1;
	if (!options->canary)
		return STATUS_OK;
	err = canary_run_open(&recorder->canary, &options->env, recorder->writer.dir_fd, bytes,
			      options->canary_ns ? options->canary_ns : CANARY_EVERY_NS);
	if (err)
		complain("%s/record/" CANARY_LOG_NAME ": %s", options->env.state, strerror(-err));
	return err ? STATUS_FAILED : STATUS_OK;
}

static int run(struct options *options)
{
	struct recorder recorder = { .options = options };
	uint64_t bytes, canary_bytes;
	int status = parse_size(options, &bytes), i;

	if (status != STATUS_OK)
		return status;
	canary_bytes = options->canary ? bytes / CANARY_PART : 0;
	status = open_history(&recorder, bytes - canary_bytes);
	if (status == STATUS_OK)
		status = open_canary(&recorder, canary_bytes);
	if (status == STATUS_OK)
		status = record(&recorder);
	if (options->canary)
		canary_run_close(&recorder.canary);
	history_writer_close(&recorder.writer);
	history_rest_free(&recorder.rest);
	event_log_clear(&recorder.news);
	for (i = 0; i < NUM_TIERS; i++)
		event_log_clear(&recorder.events[i]);
	guest_cache_free(&recorder.cache);
	gone_log_free(&recorder.gone);
	advice_log_free(&recorder.advice);
	env_close(&options->env);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(SECONDS, 'i', "interval", "SEC", interval_ns, "time between records; 10 by default"),
	OPTION(NUMBER, 'c', "count", "N", count, "stop after N records"),
	OPTION(TEXT, 0, "size", "SIZE", size, "size limit of all files together; 256M by default"),
	OPTION(FLAG, 0, "canary", NULL, canary, "measure every minute what an exit costs, with a tiny guest"),
	OPTION(SECONDS, 0, "every", "SEC", canary_ns, "time between samples of the canary; 60 by default",
	       .needs = "canary"),
	{ }
};

const struct command cmd_record = {
	.name = "record",
	.synopsis = "[OPTION]...",
	.summary = "keep a history of guests and their exits, of fixed size",
	.about = "Records every 10 seconds what l1tune stat shows, and events, for l1tune replay.\n"
		 "The oldest records are removed when the history is full. Parts of it keep one\n"
		 "record per minute and one per ten minutes, which reach further back. Runs\n"
		 "until it is interrupted, also while the module is not loaded. With --json it\n"
		 "prints each record as well, as l1tune stat --json would.\n"
		 "--canary keeps a tiny guest, l1tune-canary, which detects when L0 changed under\n"
		 "this machine: see l1tune drift. It needs /dev/kvm, and 6 ms of CPU time per minute.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_DEV | OPTIONS_STATE | OPTIONS_JSON,
	.interval_ns = 10 * NSEC_PER_SEC,
};
