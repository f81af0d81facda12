// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "base/wait.h"
#include "record/event.h"
#include "record/gone-log.h"

#define MAX_RECORD	(4u << 20)
/* Of all that a record of the history has, escaped; of one guest at least a few lines. */
#define ROOM_BYTES	(64u << 10)
#define LEAST_BYTES	1024

struct search {
	const struct gone_log *log;
	event_words_fn fn;
	void *arg;
	size_t room;
	/* What is there now. */
	uint64_t *ids;
	size_t num;
};

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_taken(const struct gone_log *log, uint64_t id)
{
	return log->num && bsearch(&id, log->ids, log->num, sizeof(id), compare_ids);
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

/* Whole lines only, of a text that is escaped, in which nothing else is "\\012". */
static void cut(char *escaped, size_t most)
{
	char *end = escaped, *next = escaped;

	if (strlen(escaped) <= most)
		return;
	while ((next = strstr(next, "\\012")) && next + 4 - escaped <= (ptrdiff_t)most)
		end = next += 4;
	*end = '\0';
}

static void take(struct search *search, uint64_t id, char *text)
{
	const char *ended;
	char *escaped, *words;

	strip(text);
	ended = strstr(text, "\nended_ns ");
	if (!ended)
		return;
	escaped = event_escape(text);
	cut(escaped, search->room > LEAST_BYTES ? search->room : LEAST_BYTES);
	search->room = sub_clamped(search->room, strlen(escaped));
	words = xasprintf("EVENT=gone LOADED=%llu ID=%llu RECORD=%s",
			  (unsigned long long)search->log->loaded_ns, (unsigned long long)id,
			  escaped);
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
		take(search, id, text);
	free(text);
	return 0;
}

/* Which ones the module keeps is its choice: not always those that ended last. */
static void tell_kept(const struct search *search)
{
	char *words = xasprintf("EVENT=gone LOADED=%llu KEPT=",
				(unsigned long long)search->log->loaded_ns);
	size_t i;

	for (i = 0; i < search->num; i++)
		append(&words, "%s%llu", i ? "," : "", (unsigned long long)search->ids[i]);
	search->fn(boottime_ns(), words, search->arg);
	free(words);
}

void gone_log_read(struct gone_log *log, const struct env *env, uint64_t loaded_ns,
		   event_words_fn fn, void *arg)
{
	struct search search = { .log = log, .fn = fn, .arg = arg, .room = ROOM_BYTES };

	if (log->loaded_ns != loaded_ns)
		gone_log_free(log);
	log->loaded_ns = loaded_ns;
	sysfs_for_each(env->class_fd, "l1/gone", take_one, &search);
	if (search.num)
		qsort(search.ids, search.num, sizeof(*search.ids), compare_ids);
	if (search.num != log->num ||
	    (search.num && memcmp(search.ids, log->ids, search.num * sizeof(*search.ids))))
		tell_kept(&search);
	free(log->ids);
	log->ids = search.ids;
	log->num = search.num;
}

void gone_log_free(struct gone_log *log)
{
	free(log->ids);
	*log = (struct gone_log){ };
}
