// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "record/event.h"
#include "record/gone-log.h"

#define MAX_RECORD	(4u << 20)
/* Of all that a record of the history has; of one guest at least a few lines. */
#define ROOM_BYTES	(64u << 10)
#define LEAST_BYTES	1024

struct search {
	const struct gone_log *log;
	gone_log_fn fn;
	void *arg;
	size_t room;
	/* What is there now. */
	uint64_t *ids;
	size_t num;
};

static bool is_taken(const struct gone_log *log, uint64_t id)
{
	size_t i;

	for (i = 0; i < log->num; i++)
		if (log->ids[i] == id)
			return true;
	return false;
}

/* The module fills lines up with blanks. */
static void strip(char *text)
{
	char *end = text;

	for (; *text; text++) {
		size_t blanks = strspn(text, " ");

		if (text[blanks] == '\n')
			text += blanks;
		*end++ = *text;
	}
	*end = '\0';
}

/* Whole lines only. */
static void cut(char *text, size_t most)
{
	if (strlen(text) <= most)
		return;
	text[most] = '\0';
	text[strrchr(text, '\n') ? strrchr(text, '\n') + 1 - text : 0] = '\0';
}

static void take(struct search *search, char *text)
{
	const char *ended;
	char *escaped, *words;

	strip(text);
	cut(text, search->room > LEAST_BYTES ? search->room : LEAST_BYTES);
	ended = strstr(text, "\nended_ns ");
	if (!ended)
		return;
	search->room = sub_clamped(search->room, strlen(text));
	escaped = event_escape(text);
	words = xasprintf("EVENT=gone LOADED=%llu RECORD=%s",
			  (unsigned long long)search->log->loaded_ns, escaped);
	search->fn(strtoull(ended + strlen("\nended_ns "), NULL, 10), words, search->arg);
	free(words);
	free(escaped);
}

static int take_one(int fd, const char *name, void *arg)
{
	struct search *search = arg;
	uint64_t id;
	size_t len;
	char *text;

	if (parse_u64(name, &id))
		return 0;
	*GROW(search->ids, search->num) = id;
	if (is_taken(search->log, id))
		return 0;
	text = file_read(fd, name, MAX_RECORD, &len);
	if (text)
		take(search, text);
	free(text);
	return 0;
}

void gone_log_read(struct gone_log *log, const struct env *env, uint64_t loaded_ns,
		   gone_log_fn fn, void *arg)
{
	struct search search = { .log = log, .fn = fn, .arg = arg, .room = ROOM_BYTES };

	if (log->loaded_ns != loaded_ns)
		gone_log_free(log);
	log->loaded_ns = loaded_ns;
	sysfs_for_each(env->class_fd, "l1/gone", take_one, &search);
	free(log->ids);
	log->ids = search.ids;
	log->num = search.num;
}

void gone_log_free(struct gone_log *log)
{
	free(log->ids);
	*log = (struct gone_log){ };
}
