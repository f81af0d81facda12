// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/util.h"
#include "record/record.h"

/* First in the record of a guest that ended: texts that a user chose come after it. */
#define GONE_EVENT	" EVENT=gone "

/* The next word; *rest is what follows it, or NULL. */
static char *take_word(char **rest)
{
	return strsep(rest, " ");
}

static bool is(const struct uevent_keys *keys, const char *key,
	       const char *expected)
{
	const char *value = uevent_get(keys, key);

	return value && !strcmp(value, expected);
}

static char *find_last(char *text, const char *part)
{
	char *found = NULL, *next = text;

	while ((next = strstr(next, part)))
		found = next++;
	return found;
}

/*
 * The name of a process may have blanks in it, and text that looks like a key.
 * The module writes the key that follows it after it, so the last one is real.
 */
static char *end_of_comm(const struct uevent_keys *keys, char *comm)
{
	if (is(keys, "EVENT", "limit"))
		return find_last(comm, " ACTION_TAKEN=");
	if (is(keys, "ACTION", "remove"))
		return find_last(comm, " EXITS=");
	return NULL;
}

int record_parse(char *line, struct record *record)
{
	char *rest = line, *word;

	*record = (struct record){ };
	word = take_word(&rest);
	if (!rest || parse_u64(word, &record->seq) || !record->seq)
		return -EINVAL;
	word = take_word(&rest);
	if (!rest || parse_u64(word, &record->time_ns))
		return -EINVAL;
	while (rest) {
		if (strncmp(rest, "COMM=", 5)) {
			word = take_word(&rest);
		} else {
			word = rest;
			rest = end_of_comm(&record->keys, word);
			if (rest)
				*rest++ = '\0';
		}
		uevent_add(&record->keys, word);
	}
	return 0;
}

bool record_has_event(const struct record *record, const char *event)
{
	return is(&record->keys, "EVENT", event);
}

bool line_is_gone(const char *line)
{
	const char *word = strchr(line, ' ');

	word = word ? strchr(word + 1, ' ') : NULL;
	return word && !strncmp(word, GONE_EVENT, strlen(GONE_EVENT));
}
