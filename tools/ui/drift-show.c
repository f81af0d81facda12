// SPDX-License-Identifier: GPL-2.0
/* That the cost of an exit changed, in words and as JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/format.h"
#include "base/util.h"
#include "model/json.h"
#include "ui/drift-show.h"

#define PPM		1e6
#define PERCENT_OF_PPM	1e4
/* Where no sample was taken for longer, it is not known when it changed. */
#define GAP_NS		(15 * 60 * NSEC_PER_SEC)

/* In local time, the date only where it is not that of another time. */
static char *clock_text(uint64_t time_ns, uint64_t other_ns)
{
	time_t time = time_ns / NSEC_PER_SEC, other = other_ns / NSEC_PER_SEC;
	struct tm tm, other_tm;
	char text[32];

	localtime_r(&time, &tm);
	localtime_r(&other, &other_tm);
	strftime(text, sizeof(text), tm.tm_yday == other_tm.tm_yday && tm.tm_year == other_tm.tm_year ?
		 "%H:%M" : "%F %H:%M", &tm);
	return xstrdup(text);
}

static void add_when(char **text, const struct drift_change *change)
{
	char *since = clock_text(change->since_ns, change->found_ns);
	char *before = clock_text(change->before_ns, change->found_ns);

	if (change->since_ns - change->before_ns > GAP_NS)
		append(text, "since a time between %s and %s", before, since);
	else
		append(text, "since %s", since);
	free(before);
	free(since);
}

static void add_cost(char **text, const struct drift_change *change)
{
	double ratio = drift_ratio(change->from.exit_ns, change->to.exit_ns);
	char *from = format_ns(change->from.exit_ns), *to = format_ns(change->to.exit_ns);

	append(text, " an exit costs %.0f %% %s (%s, before %s)", fabs(ratio) * 100,
	       ratio > 0 ? "more" : "less", to, from);
	free(from);
	free(to);
}

static bool knows_stolen(const struct drift_change *change)
{
	return change->from.stolen_ppm != CANARY_UNKNOWN && change->to.stolen_ppm != CANARY_UNKNOWN;
}

static bool knows_rest(const struct drift_change *change)
{
	return change->from.rest_ns != CANARY_UNKNOWN && change->to.rest_ns != CANARY_UNKNOWN;
}

/* What was looked at, and what could not be. */
static void add_l0(char **text, const struct drift_change *change)
{
	if (!knows_stolen(change))
		append(text, ": L0 changed, or takes CPU time from this machine (stolen time is not known here)");
	else if (drift_stolen_changed(&change->from, &change->to))
		append(text, ", stolen time went from %.0f %% to %.0f %%, which does not explain it: L0 changed",
		       change->from.stolen_ppm / PERCENT_OF_PPM, change->to.stolen_ppm / PERCENT_OF_PPM);
	else
		append(text, ", stolen time did not change: L0 changed");
	if (!knows_rest(change))
		append(text, "; not ruled out: perf or BPF on KVM's events in this machine");
}

static void add_cause(char **text, const struct drift_change *change)
{
	const struct drift_level *from = &change->from, *to = &change->to;
	double work = drift_ratio(from->work_ns, to->work_ns);

	switch (change->cause) {
	case DRIFT_STOLEN:
		append(text, ", stolen time went from %.0f %% to %.0f %%: L0 gives this machine %s CPU time",
		       from->stolen_ppm / PERCENT_OF_PPM, to->stolen_ppm / PERCENT_OF_PPM,
		       to->stolen_ppm > from->stolen_ppm ? "less" : "more");
		break;
	case DRIFT_CPU:
		append(text, ", and work without exits takes %.0f %% %s: the CPUs became %s",
		       fabs(work) * 100, work > 0 ? "more" : "less", work > 0 ? "slower" : "faster");
		break;
	case DRIFT_KVM:
		append(text, ", the part outside KVM did not change: this machine's KVM takes %s, as when perf or BPF traces it",
		       to->exit_ns > from->exit_ns ? "longer" : "less time");
		break;
	default:
		add_l0(text, change);
		break;
	}
}

char *drift_text(const struct drift_change *change)
{
	char *text = xstrdup("");

	add_when(&text, change);
	add_cost(&text, change);
	add_cause(&text, change);
	return text;
}

json_t *drift_time_to_json(uint64_t time_ns)
{
	const struct timespec time = {
		.tv_sec = time_ns / NSEC_PER_SEC, .tv_nsec = time_ns % NSEC_PER_SEC,
	};

	return json_time(&time);
}

json_t *drift_level_to_json(const struct drift_level *level)
{
	json_t *json = json_object();

	json_set(json, "exit_ns", json_number(level->exit_ns));
	json_set(json, "outside_kvm_ns", json_number_or_null(level->rest_ns != CANARY_UNKNOWN, level->rest_ns));
	json_set(json, "work_ns", json_number(level->work_ns));
	json_set(json, "stolen_ratio", level->stolen_ppm == CANARY_UNKNOWN ? json_null() :
		 json_real(level->stolen_ppm / PPM));
	return json;
}

json_t *drift_change_to_json(const struct drift_change *change)
{
	json_t *json = json_object();
	char *text = drift_text(change);

	json_set(json, "before", drift_time_to_json(change->before_ns));
	json_set(json, "since", drift_time_to_json(change->since_ns));
	json_set(json, "found", drift_time_to_json(change->found_ns));
	json_set(json, "cause", json_text(drift_cause_names[change->cause]));
	json_set(json, "change_ratio", json_real(drift_ratio(change->from.exit_ns, change->to.exit_ns)));
	json_set(json, "from", drift_level_to_json(&change->from));
	json_set(json, "to", drift_level_to_json(&change->to));
	json_set(json, "text", json_text(text));
	free(text);
	return json;
}
