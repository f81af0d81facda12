// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/format.h"
#include "base/terminal.h"
#include "base/util.h"
#include "base/wait.h"
#include "base/when.h"
#include "cmd/command.h"
#include "model/json.h"
#include "record/canary-log.h"
#include "record/drift.h"
#include "ui/drift-show.h"

#define PERCENT_OF_PPM	1e4

/* All samples of a canary, and what they show. */
struct findings {
	struct canary_samples samples;
	struct drift drift;
	struct drift_change *changes;
	size_t num_changes;
};

static int open_directory(const struct options *options)
{
	char *dir = xasprintf("%s/record", options->env.state);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	free(dir);
	return fd < 0 ? -errno : fd;
}

static int complain_of(const struct options *options, int err)
{
	if (err == -ENOENT)
		complain("%s/record: no canary samples: run l1tune record --canary", options->env.state);
	else
		complain("%s/record/" CANARY_LOG_NAME ": %s%s", options->env.state, strerror(-err),
			 err == -EACCES ? ": only root may read the history" : "");
	return err == -EACCES ? STATUS_NOT_PERMITTED : STATUS_FAILED;
}

static int read_samples(const struct options *options, struct canary_samples *samples)
{
	int fd = open_directory(options);
	int err = fd < 0 ? fd : canary_log_read(fd, samples);

	if (fd >= 0)
		close(fd);
	return err || !samples->num ? complain_of(options, err ? err : -ENOENT) : STATUS_OK;
}

static void find_changes(struct findings *findings)
{
	struct drift_change change;
	size_t i;

	for (i = 0; i < findings->samples.num; i++)
		if (drift_add(&findings->drift, &findings->samples.v[i], &change))
			*GROW(findings->changes, findings->num_changes) = change;
}

static const struct canary_sample *last_sample(const struct findings *findings)
{
	return &findings->samples.v[findings->samples.num - 1];
}

static void print_last(const struct findings *findings)
{
	const struct canary_sample *last = last_sample(findings);
	char *time = when_format(last->time_ns), *cost = format_ns(last->exit_ns);

	terminal_print("canary    at %s an exit cost %s", time, cost);
	free(time);
	free(cost);
	if (last->rest_ns != CANARY_UNKNOWN) {
		cost = format_ns(last->rest_ns);
		terminal_print(", %s of it outside KVM", cost);
		free(cost);
	}
	if (last->stolen_ppm == CANARY_UNKNOWN)
		terminal_print("; stolen time is not known\n");
	else
		terminal_print("; %.1f %% of the CPUs' time stolen\n", last->stolen_ppm / PERCENT_OF_PPM);
}

static void print_baseline(const struct findings *findings)
{
	struct drift_level level;
	uint64_t threshold_ns;
	char *cost, *threshold;

	if (!drift_baseline(&findings->drift, &level, &threshold_ns)) {
		terminal_print("baseline  too few samples yet: it needs %d after a change or a start\n",
			       DRIFT_LEAST + DRIFT_NEW);
		return;
	}
	cost = format_ns(level.exit_ns);
	threshold = format_ns(threshold_ns);
	terminal_print("baseline  %s, median of %zu samples; a change is more than %s in each of %d samples\n",
		       cost, findings->drift.num - DRIFT_NEW, threshold, DRIFT_NEW);
	free(cost);
	free(threshold);
}

static void print_changes(const struct findings *findings)
{
	char *first = when_format(findings->samples.v[0].time_ns);
	size_t i;

	terminal_print("changes   %s%zu in %zu sample%s since %s%s\n",
		       findings->num_changes ? terminal_warning() : "", findings->num_changes,
		       findings->samples.num, plural(findings->samples.num), first, terminal_normal());
	free(first);
	for (i = 0; i < findings->num_changes; i++) {
		char *found = when_format(findings->changes[i].found_ns);
		char *text = drift_text(&findings->changes[i]);

		terminal_print("          %s: %s\n", found, text);
		free(found);
		free(text);
	}
}

static int print_json(const struct findings *findings)
{
	const struct canary_sample *last = last_sample(findings);
	const struct drift_level level = {
		last->exit_ns, last->rest_ns, last->work_ns, last->stolen_ppm,
	};
	json_t *json = json_object(), *changes = json_array(), *canary = drift_level_to_json(&level);
	struct drift_level baseline;
	uint64_t threshold_ns;
	struct host nowhere = { };
	bool has_baseline = drift_baseline(&findings->drift, &baseline, &threshold_ns);
	size_t i;

	json_set(canary, "time", drift_time_to_json(last->time_ns));
	json_set(canary, "cpu_ns", json_number(last->cpu_ns));
	for (i = 0; i < findings->num_changes; i++)
		json_array_append_new(changes, drift_change_to_json(&findings->changes[i]));
	json_set(json, "samples", json_number(findings->samples.num));
	json_set(json, "first", drift_time_to_json(findings->samples.v[0].time_ns));
	json_set(json, "last", canary);
	json_set(json, "baseline", has_baseline ? drift_level_to_json(&baseline) : json_null());
	json_set(json, "threshold_ns", json_number_or_null(has_baseline, threshold_ns));
	json_set(json, "changes", changes);
	return json_print_value(&nowhere, "drift", json);
}

static int run(struct options *options)
{
	struct findings findings = { };
	int status = read_samples(options, &findings.samples);

	if (status == STATUS_OK) {
		find_changes(&findings);
		if (options->json) {
			status = print_json(&findings);
		} else {
			print_last(&findings);
			print_baseline(&findings);
			print_changes(&findings);
		}
	}
	canary_samples_free(&findings.samples);
	free(findings.changes);
	return status;
}

const struct command cmd_drift = {
	.name = "drift",
	.synopsis = "[OPTION]...",
	.summary = "show whether the cost of an exit changed, from the history",
	.about = "Shows what an exit costs in the last sample of l1tune record --canary, the\n"
		 "baseline, and each change in the history: since when, by how much, and whether it\n"
		 "is due to L0, stolen time, the CPUs or this machine's KVM.",
	.run = run,
	.shared_options = OPTIONS_STATE | OPTIONS_JSON,
};
