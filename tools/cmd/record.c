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
#include "cmd/recorder.h"
#include "model/json.h"
#include "settings/limit-value.h"
#include "ui/drift-show.h"

#define DEFAULT_SIZE	"256M"
#define MIN_SIZE	(1 << 20)

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

/* A service's standard error is in the journal, and syslog would be there too. */
void recorder_warn(const char *text)
{
	complain_to(NULL);
	complain("%s", text);
	complain_to(complain_once);
	if (!getenv("JOURNAL_STREAM"))
		syslog(LOG_DAEMON | LOG_WARNING, "%s", text);
}

/* A record that is printed is on the disk. */
static int write_and_print(struct recorder *recorder, struct moment *moment)
{
	json_t *json = recorder->options->json ?
		       json_snapshot(&moment->host, &moment->snapshot, JSON_REASONS) : NULL;
	int status = recorder_write(recorder, moment);

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
	int status = recorder_take(recorder, &moment);

	if (status == STATUS_OK)
		status = write_and_print(recorder, &moment);
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

	recorder_warn(text);
	free(text);
}

static void take_canary(struct recorder *recorder)
{
	struct host host = { };
	struct drift_change change;
	const char *error;
	bool is_there = recorder_read_host(recorder, &host) == STATUS_OK;

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

/* What could not be written is of a moment that is not there any more. */
static void write_what_is_left(struct recorder *recorder)
{
	bool is_left = recorder->news.num || recorder->events[TIER_FINE].num;

	if (!is_left || record_one(recorder) == STATUS_OK)
		recorder_write_rest(recorder);
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
		write_what_is_left(recorder);
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
	struct recorder recorder = { .options = options, .canary.log.fd = -1 };
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
