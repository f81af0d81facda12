// SPDX-License-Identifier: GPL-2.0
#include "base/util.h"
#include "record/event.h"
#include "record/history-events.h"
#include "record/record.h"
#include "record/replayer.h"

static char *name_in(const struct moment *moment, uint64_t id)
{
	size_t i;

	for (i = 0; moment && i < moment->snapshot.num_guests; i++) {
		const struct guest *guest = &moment->snapshot.guests[i].guest;

		if (guest->id == id && guest->name)
			return xstrdup(guest->name);
	}
	return NULL;
}

/* A guest is in the record before its end, and in the one after its start. */
static char *find_name(struct history *history, uint64_t id, uint64_t time_ns)
{
	char *name = name_in(history_seek(history, time_ns), id);
	uint64_t next_ns;

	if (!name && history_next(history, time_ns, &next_ns))
		name = name_in(history_seek(history, next_ns), id);
	return name;
}

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

static int show(struct replayer *replayer, const struct history_event *found,
		struct event *event, past_event_fn fn, void *arg)
{
	const struct moment *moment;

	event->time = timespec_of(found->time_ns);
	if (event->has_id)
		event->name = find_name(&replayer->history, event->id, found->time_ns);
	moment = history_seek(&replayer->history, found->recorded_ns);
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
