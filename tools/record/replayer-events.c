// SPDX-License-Identifier: GPL-2.0
#include "base/util.h"
#include "record/event.h"
#include "record/history-events.h"
#include "record/record.h"
#include "record/replayer.h"

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC,
	};
}

/* The module numbers its events without gaps; other lines have no numbers. */
struct numbering {
	uint64_t last;
	bool is_known;
};

static uint64_t count_lost(struct numbering *numbering, const struct event *event,
			   uint64_t seq)
{
	uint64_t lost;

	if (event->kind == EVENT_ADVISED || event->kind == EVENT_RESOLVED ||
	    event->kind == EVENT_SLOW || event->kind == EVENT_HANG ||
	    event->kind == EVENT_LOST || event->kind == EVENT_MOVED)
		return 0;
	if (event->kind == EVENT_LOADED) {
		*numbering = (struct numbering){ 0, true };
		return 0;
	}
	lost = numbering->is_known && seq > numbering->last ? seq - numbering->last - 1 : 0;
	*numbering = (struct numbering){ seq, true };
	return lost;
}

/* Events are in the order of their records, so records are read in theirs. */
static int show(struct replayer *replayer, const struct history_event *found,
		struct event *event, past_event_fn fn, void *arg)
{
	const struct moment *moment = history_seek(&replayer->history, found->recorded_ns);

	event->time = timespec_of(found->time_ns);
	if (event->has_id && found->name)
		event->name = xstrdup(found->name);
	return moment ? fn(&moment->host, event, arg) : STATUS_OK;
}

/* The record of a guest that ended is beside its end, which is an event. */
static bool is_event(const char *line, const void *arg)
{
	(void)arg;
	return !line_is_gone(line);
}

int replayer_events(struct past *past, uint64_t start_ns, uint64_t end_ns,
		    past_event_fn fn, void *arg)
{
	struct replayer *replayer = (struct replayer *)past;
	struct numbering numbering = { };
	struct history_events events;
	int status = STATUS_OK;
	size_t i;

	history_events_read(&replayer->history, start_ns, end_ns, is_event, NULL, &events);
	for (i = 0; i < events.num && status == STATUS_OK; i++) {
		struct event lost = { .kind = EVENT_LOST }, event;
		struct record record;

		record_parse(events.v[i]->line, &record);
		event_take_record(&record, &event);
		lost.num_lost = count_lost(&numbering, &event, record.seq);
		if (lost.num_lost)
			status = show(replayer, events.v[i], &lost, fn, arg);
		if (status == STATUS_OK)
			status = show(replayer, events.v[i], &event, fn, arg);
		event_free(&event);
	}
	history_events_free(&events);
	return status;
}
