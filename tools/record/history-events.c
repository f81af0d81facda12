// SPDX-License-Identifier: GPL-2.0
/*
 * Each tier has all events, so that those of a tier that reaches further back are
 * complete, and most are found several times: in memory each is once.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "record/event-name.h"
#include "record/history-events.h"
#include "record/record.h"

struct search {
	const struct history *history;
	struct history_events *events;
	uint64_t start_ns, end_ns;
	history_event_fn is_wanted;
	const void *arg;
	/* The events by line. */
	void *tree;
};

static int compare_lines(const void *a, const void *b)
{
	const struct history_event *x = a, *y = b;

	return strcmp(x->line, y->line);
}

/*
 * Of equal events, the one in the earliest record is kept: a recorder that was
 * restarted does not know the names of guests that had ended.
 */
static void merge(struct history_event *kept, const struct history_event *event)
{
	if (event->recorded_ns < kept->recorded_ns) {
		kept->recorded_ns = event->recorded_ns;
		kept->time_ns = event->time_ns;
	}
	if (!kept->name && event->name)
		kept->name = xstrdup(event->name);
}

static void add_event(struct search *search, const struct history_event *event)
{
	struct history_event **found = tfind(event, &search->tree, compare_lines), *copy;

	if (found) {
		merge(*found, event);
		return;
	}
	copy = xmallocarray(1, sizeof(*copy));
	*copy = *event;
	copy->line = xstrdup(event->line);
	copy->name = event->name ? xstrdup(event->name) : NULL;
	*GROW(search->events->v, search->events->num) = copy;
	xtsearch(copy, &search->tree, compare_lines);
}

/* A tier that has no room for all says so; l1tune watch says of which boot it is. */
static bool is_loss(const struct record *record)
{
	const char *action = uevent_get(&record->keys, "ACTION");

	return record_has_event(record, "watch") && action && !strcmp(action, "lost") &&
	       !uevent_get(&record->keys, "BOOT");
}

/* Is there a finer tier that reaches as far back, and so has what this one lost? */
static bool is_made_up_for(const struct history *history, enum tier tier, uint64_t time_ns)
{
	const struct tier_reader *coarse = &history->tiers[tier], *fine;

	for (fine = history->tiers; fine < coarse; fine++)
		if (fine->num && (fine->first_ns[0] <= time_ns ||
				  fine->first_ns[0] <= coarse->first_ns[0]))
			return true;
	return false;
}

static void add_line(struct search *search, enum tier tier, const struct moment *moment,
		     uint64_t recorded_ns, const char *line)
{
	struct history_event event = { .recorded_ns = recorded_ns, .line = xstrdup(line) };
	struct record record;
	char *copy;

	event.name = event_name_take(event.line);
	copy = xstrdup(event.line);
	if (!record_parse(copy, &record)) {
		uint64_t ago_ns = sub_clamped(moment->snapshot.taken_ns, record.time_ns);

		event.time_ns = sub_clamped(recorded_ns, ago_ns);
		event.seq = record.seq;
		if (event.time_ns >= search->start_ns && event.time_ns <= search->end_ns &&
		    !(is_loss(&record) && is_made_up_for(search->history, tier, event.time_ns)))
			add_event(search, &event);
	}
	free(copy);
	free(event.line);
	free(event.name);
}

static void add_record(enum tier tier, int fd, uint64_t offset,
		       const struct record_header *header, void *arg)
{
	struct search *search = arg;
	struct moment moment;
	size_t i;

	if (!record_decode_events(fd, offset, header, &moment))
		return;
	for (i = 0; i < moment.num_events; i++)
		if (search->is_wanted(moment.events[i], search->arg))
			add_line(search, tier, &moment, header->time_ns, moment.events[i]);
	moment_free(&moment);
}

static int compare_times(const void *a, const void *b)
{
	const struct history_event *x = *(struct history_event *const *)a;
	const struct history_event *y = *(struct history_event *const *)b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return strcmp(x->line, y->line);
}

/* The events have an owner. */
static void leave(void *event)
{
	(void)event;
}

void history_events_read(struct history *history, uint64_t start_ns, uint64_t end_ns,
			 history_event_fn is_wanted, const void *arg,
			 struct history_events *events)
{
	struct search search = { history, events, start_ns, end_ns, is_wanted, arg };

	*events = (struct history_events){ };
	history_for_each(history, start_ns, end_ns, add_record, &search);
	tdestroy(search.tree, leave);
	if (events->num)
		qsort(events->v, events->num, sizeof(*events->v), compare_times);
}

void history_events_free(struct history_events *events)
{
	size_t i;

	for (i = 0; i < events->num; i++) {
		free(events->v[i]->line);
		free(events->v[i]->name);
		free(events->v[i]);
	}
	free(events->v);
	*events = (struct history_events){ };
}
