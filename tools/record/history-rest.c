// SPDX-License-Identifier: GPL-2.0
/*
 * What a recorder that starts again has to write to the coarser tiers. A moment of
 * several tiers is written to the finest last, with the same time. So the last record of
 * another tier has all events up to the record of that time in the finest one, and the
 * records after that one, whatever the clock was set to, have the events that it lacks.
 */
#include "base/util.h"
#include "record/history-read.h"
#include "record/history-rest.h"

struct search {
	struct history_rest *rest;
	/* Time of the last record of each tier, 0 if there is none. */
	uint64_t last_ns[NUM_TIERS];
	/* The record of the finest tier that is looked at, and how many of them each other tier has. */
	size_t at, num_known[NUM_TIERS];
	/* Is there a record of that time? Not if the process ended before it was written. */
	bool is_found[NUM_TIERS];
};

static void find_last(enum tier tier, int fd, uint64_t offset,
		      const struct record_header *header, void *arg)
{
	struct search *search = arg;

	(void)fd;
	(void)offset;
	search->last_ns[tier] = header->time_ns;
}

static void find_known(enum tier tier, int fd, uint64_t offset,
		       const struct record_header *header, void *arg)
{
	struct search *search = arg;
	int i;

	(void)fd;
	(void)offset;
	if (tier != TIER_FINE)
		return;
	search->at++;
	for (i = TIER_FINE + 1; i < NUM_TIERS; i++)
		if (header->time_ns == search->last_ns[i]) {
			search->num_known[i] = search->at;
			search->is_found[i] = true;
		}
}

static bool is_missing_in(const struct search *search, enum tier tier, uint64_t time_ns)
{
	return search->is_found[tier] ? search->at > search->num_known[tier] :
	       time_ns > search->last_ns[tier];
}

static void take_events(enum tier tier, int fd, uint64_t offset,
			const struct record_header *header, void *arg)
{
	struct search *search = arg;
	bool is_missing[NUM_TIERS], is_any = false;
	struct moment moment;
	size_t n;
	int i;

	if (tier != TIER_FINE)
		return;
	search->at++;
	for (i = TIER_FINE + 1; i < NUM_TIERS; i++)
		is_any |= is_missing[i] = is_missing_in(search, i, header->time_ns);
	if (!is_any || !record_decode_events(fd, offset, header, &moment))
		return;
	for (i = TIER_FINE + 1; i < NUM_TIERS; i++)
		for (n = 0; is_missing[i] && n < moment.num_events; n++)
			event_log_take(&search->rest->events[i], xstrdup(moment.events[n]));
	moment_free(&moment);
}

int history_rest_read(struct history_rest *rest, const char *dir)
{
	struct search search = { .rest = rest };
	struct history history;
	const struct moment *last;
	int err;

	*rest = (struct history_rest){ };
	err = history_open(&history, dir);
	last = err ? NULL : history_last(&history, TIER_FINE);
	if (last) {
		moment_copy(&rest->last, last);
		history_for_each(&history, 0, UINT64_MAX, find_last, &search);
		history_for_each(&history, 0, UINT64_MAX, find_known, &search);
		search.at = 0;
		history_for_each(&history, 0, UINT64_MAX, take_events, &search);
	}
	history_close(&history);
	return err;
}

void history_rest_free(struct history_rest *rest)
{
	int i;

	moment_free(&rest->last);
	for (i = 0; i < NUM_TIERS; i++)
		event_log_clear(&rest->events[i]);
}
