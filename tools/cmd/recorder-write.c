// SPDX-License-Identifier: GPL-2.0
/* How l1tune record writes: each moment to those of its tiers that are due. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/recorder.h"

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
bool recorder_is_due(const struct recorder *recorder, enum tier tier)
{
	uint64_t interval_ns = recorder->options->interval_ns;

	return interval_of(recorder, tier) == interval_ns ||
	       monotonic_ns() + interval_ns / 2 >= recorder->due_ns[tier];
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
int recorder_write(struct recorder *recorder, struct moment *moment)
{
	int status = write_left(recorder), i;

	for (i = TIER_FINE + 1; i < NUM_TIERS && status == STATUS_OK; i++) {
		struct moment same;

		if (!recorder_is_due(recorder, i))
			continue;
		moment_share(&same, moment);
		status = write_tier(recorder, i, &same);
		moment_free(&same);
	}
	return status == STATUS_OK ? write_tier(recorder, TIER_FINE, moment) : status;
}

/* A tier of less frequent records has what happened since its last one in memory only. */
void recorder_write_rest(struct recorder *recorder)
{
	struct moment *last = &recorder->writer.tiers[TIER_FINE].before;
	int i;

	for (i = TIER_FINE + 1; i < NUM_TIERS && last->snapshot.taken_ns; i++) {
		struct moment same;

		if (!recorder->events[i].num)
			continue;
		moment_share(&same, last);
		write_tier(recorder, i, &same);
		moment_free(&same);
	}
}
