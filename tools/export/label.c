// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/util.h"
#include "export/label.h"
#include "export/openmetrics.h"

/* Names of guests can have any length, and Prometheus keeps a series for each. */
#define MAX_LABEL	128

struct name {
	char *text;
	uint64_t id;
	/* Where it is in the snapshot. */
	size_t index;
	bool is_given;
};

/* Not within a character. */
static void cut(char *s)
{
	size_t len = strlen(s);

	if (len <= MAX_LABEL)
		return;
	len = MAX_LABEL;
	while (len && (s[len] & 0xc0) == 0x80)
		len--;
	s[len] = '\0';
}

/* "web#3" is guest 3 of the name web: no name may look like that. */
static void reserve_hash_suffix(char *s)
{
	char *hash = strrchr(s, '#');

	if (hash && hash[1 + strspn(hash + 1, "0123456789")] == '\0')
		*hash = '_';
}

static int compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : x->id < y->id ? -1 : 1;
}

static struct name *read_names(const struct snapshot *snapshot)
{
	struct name *names = xcalloc(snapshot->num_guests, sizeof(*names));
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++) {
		const struct guest *guest = &snapshot->guests[i].guest;

		names[i] = (struct name) {
			.text = escape_string(guest->name, false),
			.id = guest->id,
			.index = i,
			.is_given = *guest->name &&
				    strcmp(guest->name_source, "comm"),
		};
		cut(names[i].text);
		reserve_hash_suffix(names[i].text);
	}
	return names;
}

/*
 * Of several guests of one name the oldest has it alone: while a guest is
 * restarted its successor becomes that. What has no name but the program's has
 * nothing to be known by again.
 */
char **export_labels(const struct snapshot *snapshot)
{
	size_t num = snapshot->num_guests, i;
	struct name *names = read_names(snapshot);
	char **labels = xcalloc(num, sizeof(*labels));

	if (num)
		qsort(names, num, sizeof(*names), compare);
	for (i = 0; i < num; i++) {
		bool is_same = i && !strcmp(names[i - 1].text, names[i].text);
		char *text = names[i].is_given && !is_same ?
			     xstrdup(names[i].text) :
			     xasprintf("%s#%llu", names[i].text,
				       (unsigned long long)names[i].id);

		labels[names[i].index] = metrics_escape(text);
		free(text);
	}
	for (i = 0; i < num; i++)
		free(names[i].text);
	free(names);
	return labels;
}

void export_labels_free(char **labels, const struct snapshot *snapshot)
{
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++)
		free(labels[i]);
	free(labels);
}
