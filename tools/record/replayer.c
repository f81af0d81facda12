// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/util.h"
#include "base/wait.h"
#include "base/when.h"
#include "record/replayer.h"

/* A record may be late; what lasts longer is a gap. */
#define INTERVALS_MOST	2

static int complain_of_gap(struct replayer *replayer, uint64_t time_ns,
			   const struct moment *last)
{
	char *text = when_format(time_ns), *around = xstrdup("");
	uint64_t next_ns;
	char *when;

	if (last) {
		when = when_format(moment_time_ns(last));
		append(&around, ": the last one before is of %s", when);
		free(when);
	}
	if (history_next(&replayer->history, time_ns, &next_ns)) {
		when = when_format(next_ns);
		append(&around, "%s of %s", last ? ", the next one" :
		       ": the first one is", when);
		free(when);
	}
	complain("there is no record of %s%s", text, around);
	free(around);
	free(text);
	return STATUS_FAILED;
}

static bool is_in_effect(const struct moment *moment, uint64_t time_ns)
{
	return moment && time_ns - moment_time_ns(moment) <=
			 INTERVALS_MOST * moment->interval_ns;
}

const struct moment *replayer_find(struct replayer *replayer, uint64_t time_ns)
{
	const struct moment *moment = history_seek(&replayer->history, time_ns);

	if (is_in_effect(moment, time_ns))
		return moment;
	complain_of_gap(replayer, time_ns, moment);
	return NULL;
}

bool replayer_fit(struct replayer *replayer, uint64_t *start_ns, uint64_t *end_ns)
{
	const struct moment *moment = history_seek(&replayer->history, *start_ns);
	uint64_t first_ns = *start_ns;

	if (!is_in_effect(moment, *start_ns) &&
	    (!history_next(&replayer->history, *start_ns, &first_ns) || first_ns > *end_ns)) {
		complain_of_gap(replayer, *start_ns, moment);
		return false;
	}
	*start_ns = first_ns;
	moment = history_seek(&replayer->history, *end_ns);
	if (moment && !is_in_effect(moment, *end_ns))
		*end_ns = moment_time_ns(moment);
	return true;
}

static int read_past(struct past *past, struct host *host, struct snapshot *snapshot)
{
	struct replayer *replayer = (struct replayer *)past;
	const struct moment *moment = replayer_find(replayer, realtime_ns());
	struct moment copy;

	if (!moment)
		return STATUS_FAILED;
	past->interval_ns = moment->interval_ns;
	moment_copy(&copy, moment);
	*host = copy.host;
	*snapshot = copy.snapshot;
	copy.host = (struct host){ };
	copy.snapshot = (struct snapshot){ };
	moment_free(&copy);
	return STATUS_OK;
}

static bool find_record(struct past *past, bool is_after, uint64_t *time_ns)
{
	struct replayer *replayer = (struct replayer *)past;
	const struct moment *moment;

	if (is_after)
		return history_next(&replayer->history, *time_ns, time_ns);
	moment = history_seek(&replayer->history, *time_ns);
	if (moment)
		*time_ns = moment_time_ns(moment);
	return moment;
}

int replayer_open(struct replayer *replayer, const char *dir)
{
	*replayer = (struct replayer){
		.past = { .read = read_past, .find = find_record, .events = replayer_events,
			  .gone = replayer_gone },
	};
	return history_open(&replayer->history, dir);
}

void replayer_close(struct replayer *replayer)
{
	history_close(&replayer->history);
}
