// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "record/event.h"
#include "record/history-events.h"
#include "record/record.h"
#include "record/replayer.h"

/* Where the module's parameter was not recorded. */
#define GONE_MOST	32

/* How many the module kept. */
static uint64_t most_kept(const struct moment *moment)
{
	static const char path[] = "sys/module/l1tune/parameters/gone_max";
	uint64_t most;
	char *text;
	size_t i;

	for (i = 0; i < moment->files.num; i++) {
		if (strcmp(moment->files.v[i].path, path))
			continue;
		text = xmemdup0(moment->files.v[i].text, strcspn(moment->files.v[i].text, "\n"));
		if (parse_u64(text, &most))
			most = GONE_MOST;
		free(text);
		return most;
	}
	return GONE_MOST;
}

/* NULL if it is no guest that ended, of that load of the module if that is not 0. */
static const char *find_text(const struct record *record, uint64_t loaded_ns)
{
	const char *loaded = uevent_get(&record->keys, "LOADED");
	uint64_t ns;

	if (!record_has_event(record, "gone") || !loaded || parse_u64(loaded, &ns) ||
	    (loaded_ns && ns != loaded_ns))
		return NULL;
	return uevent_get(&record->keys, "RECORD");
}

struct texts {
	char **v;
	size_t num;
};

static void find_texts(struct history_events *events, uint64_t loaded_ns, struct texts *texts)
{
	struct record record;
	const char *text;
	size_t i;

	for (i = 0; i < events->num; i++) {
		if (record_parse(events->v[i].line, &record))
			continue;
		text = find_text(&record, loaded_ns);
		if (text)
			*GROW(texts->v, texts->num) = event_unescape(text);
	}
}

/* Of a moment those of that load of the module that it still kept, of an interval all. */
int replayer_gone(struct past *past, past_gone_fn fn, void *arg)
{
	struct replayer *replayer = (struct replayer *)past;
	const struct moment *moment = replayer_find(replayer, past->end_ns);
	uint64_t loaded_ns = 0, most = UINT64_MAX, start_ns = past->start_ns;
	struct history_events events;
	struct texts texts = { };
	int status = STATUS_OK;
	size_t i;

	if (!moment)
		return STATUS_FAILED;
	if (!start_ns) {
		loaded_ns = moment->snapshot.loaded_ns;
		most = most_kept(moment);
		start_ns = sub_clamped(moment_time_ns(moment),
				       sub_clamped(moment->snapshot.taken_ns, loaded_ns));
	}
	history_events_read(&replayer->history, start_ns, past->end_ns, &events);
	find_texts(&events, loaded_ns, &texts);
	for (i = texts.num > most ? texts.num - most : 0; i < texts.num && status == STATUS_OK; i++)
		status = fn(texts.v[i], arg);
	for (i = 0; i < texts.num; i++)
		free(texts.v[i]);
	free(texts.v);
	history_events_free(&events);
	return status;
}
