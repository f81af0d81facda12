// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/guest.h"
#include "record/event-name.h"
#include "record/event.h"
#include "record/record.h"

/* Before all that the module wrote, of which users chose a part. */
#define KEY	"NAME="

/* Behind the number and the time; NULL if there is nothing. */
static const char *find_words(const char *line)
{
	const char *word = strchr(line, ' ');

	word = word ? strchr(word + 1, ' ') : NULL;
	return word ? word + 1 : NULL;
}

bool event_name_is_missing(const char *line, uint64_t *id)
{
	const char *words = find_words(line), *guest;
	struct record record;
	bool is_missing;
	char *copy;

	if (!words || begins_with(words, KEY) || line_is_gone(line))
		return false;
	copy = xstrdup(line);
	guest = record_parse(copy, &record) ? NULL : uevent_get(&record.keys, "L2");
	is_missing = guest && !guest_parse_id(guest, "l2-", id);
	free(copy);
	return is_missing;
}

char *event_name_add(const char *line, const char *name)
{
	const char *words = find_words(line);
	char *escaped, *named;

	if (!*name)
		return xstrdup(line);
	escaped = event_escape(name);
	named = xasprintf("%.*s" KEY "%s %s", (int)(words - line), line, escaped, words);

	free(escaped);
	return named;
}

char *event_name_take(char *line)
{
	char *word = (char *)find_words(line), *end, *name;

	if (!word || !begins_with(word, KEY))
		return NULL;
	end = word + strcspn(word, " ");
	if (*end)
		*end++ = '\0';
	name = event_unescape(word + strlen(KEY));
	memmove(word, end, strlen(end) + 1);
	return name;
}
