// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "record/event.h"
#include "record/history-events.h"
#include "record/record.h"
#include "record/replayer.h"

/* What one line of the history has of a guest that ended; the text is escaped. */
struct ended {
	uint64_t loaded_ns, id;
	const char *text;
};

struct search {
	/* Of which load of the module, or 0 for all. */
	uint64_t loaded_ns;
	struct ended *v;
	size_t num;
	/* Ids of those that the module kept last, with commas. */
	const char *kept;
};

static bool get_number(const struct record *record, const char *key, uint64_t *number)
{
	const char *value = uevent_get(&record->keys, key);

	return value && !parse_u64(value, number);
}

/* Such a line has the load first. */
static bool is_of(const char *line, const void *arg)
{
	const struct search *search = arg;
	const char *loaded = line_is_gone(line) ? strstr(line, " LOADED=") : NULL;

	return loaded && (!search->loaded_ns ||
			  strtoull(loaded + strlen(" LOADED="), NULL, 10) == search->loaded_ns);
}

/* Takes what points into the line. */
static void take_line(struct search *search, char *line)
{
	struct ended ended;
	struct record record;
	const char *kept;

	if (record_parse(line, &record) || !get_number(&record, "LOADED", &ended.loaded_ns))
		return;
	kept = uevent_get(&record.keys, "KEPT");
	if (kept)
		search->kept = kept;
	ended.text = uevent_get(&record.keys, "RECORD");
	if (ended.text && get_number(&record, "ID", &ended.id))
		*GROW(search->v, search->num) = ended;
}

/* A recorder that starts again takes a guest again, and may have less room for it. */
static int compare_ended(const void *a, const void *b)
{
	const struct ended *x = a, *y = b;
	size_t x_len = strlen(x->text), y_len = strlen(y->text);

	if (x->loaded_ns != y->loaded_ns)
		return x->loaded_ns < y->loaded_ns ? -1 : 1;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x_len > y_len ? -1 : x_len < y_len;
}

static bool is_kept(const char *kept, uint64_t id)
{
	char *end;

	for (; kept && *kept; kept = *end ? end + 1 : end)
		if (strtoull(kept, &end, 10) == id)
			return true;
	return false;
}

static int show(const struct search *search, past_gone_fn fn, void *arg)
{
	const struct ended *last = NULL, *ended;
	int status = STATUS_OK;
	char *text;

	for (ended = search->v; ended < search->v + search->num && status == STATUS_OK; ended++) {
		if (last && last->loaded_ns == ended->loaded_ns && last->id == ended->id)
			continue;
		last = ended;
		if (search->loaded_ns && !is_kept(search->kept, ended->id))
			continue;
		text = event_unescape(ended->text);
		status = fn(text, arg);
		free(text);
	}
	return status;
}

/* For a moment, those that the module still kept then; for an interval, all. */
int replayer_gone(struct past *past, past_gone_fn fn, void *arg)
{
	struct replayer *replayer = (struct replayer *)past;
	const struct moment *moment = replayer_find(replayer, past->end_ns);
	uint64_t start_ns = past->start_ns;
	struct history_events events;
	struct search search = { };
	int status;
	size_t i;

	if (!moment)
		return STATUS_FAILED;
	if (past->is_moment) {
		search.loaded_ns = moment->snapshot.loaded_ns;
		start_ns = sub_clamped(moment_time_ns(moment),
				       sub_clamped(moment->snapshot.taken_ns, search.loaded_ns));
	}
	history_events_read(&replayer->history, start_ns, past->end_ns, is_of, &search, &events);
	for (i = 0; i < events.num; i++)
		take_line(&search, events.v[i]->line);
	if (search.num)
		qsort(search.v, search.num, sizeof(*search.v), compare_ended);
	status = show(&search, fn, arg);
	free(search.v);
	history_events_free(&events);
	return status;
}
