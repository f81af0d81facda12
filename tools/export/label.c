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
/* The names of pods in a path have no less than 150. */
#define MAX_PATH_LABEL	256

struct name {
	char *text;
	const struct guest *guest;
	/* Where it is in the snapshot. */
	size_t index;
	bool is_given;
};

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

	return order ? order : x->guest->id < y->guest->id ? -1 : 1;
}

static bool is_same(const struct name *a, const struct name *b)
{
	return !strcmp(a->text, b->text);
}

static char *text_of(const char *name)
{
	char *text = escape_string(name, false);

	text[utf8_head(text, MAX_LABEL)] = '\0';
	reserve_hash_suffix(text);
	return text;
}

static struct name *read_names(const struct snapshot *snapshot)
{
	struct name *names = xcalloc(snapshot->num_guests, sizeof(*names));
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++) {
		const struct guest *guest = &snapshot->guests[i].guest;

		names[i] = (struct name) {
			.text = text_of(guest->name),
			.guest = guest,
			.index = i,
			.is_given = *guest->name &&
				    strcmp(guest->name_source, "comm"),
		};
	}
	return names;
}

static char *text_with_instance(const char *text, const char *instance)
{
	char *escaped = escape_string(instance, false), *full;

	/* The end of a path differs more often than its start. */
	full = xasprintf("%s@%s", text, utf8_tail(escaped, MAX_LABEL));
	reserve_hash_suffix(full);
	free(escaped);
	return full;
}

/* What tells guests apart over a restart is added to names that are no one's own. */
static void add_instances(struct name *names, size_t num)
{
	bool *is_shared = xcalloc(num, sizeof(*is_shared));
	size_t i;

	for (i = 0; i < num; i++)
		is_shared[i] = !names[i].is_given ||
			       (i && is_same(&names[i], &names[i - 1])) ||
			       (i + 1 < num && is_same(&names[i], &names[i + 1]));
	for (i = 0; i < num; i++) {
		struct name *name = &names[i];
		char *text = name->text;

		if (!is_shared[i] || !name->guest->instance)
			continue;
		name->text = text_with_instance(text, name->guest->instance);
		name->is_given = true;
		free(text);
	}
	free(is_shared);
}

/*
 * Of several guests that nothing tells apart the oldest has the name alone: while
 * a guest is restarted its successor becomes that. What has no name but the
 * program's, and no instance, has nothing to be known by again.
 */
char **export_labels(const struct snapshot *snapshot)
{
	size_t num = snapshot->num_guests, i;
	struct name *names = read_names(snapshot);
	char **labels = xcalloc(num, sizeof(*labels));

	if (num) {
		qsort(names, num, sizeof(*names), compare);
		add_instances(names, num);
		qsort(names, num, sizeof(*names), compare);
	}
	for (i = 0; i < num; i++) {
		bool is_first = !i || !is_same(&names[i], &names[i - 1]);
		char *text = names[i].is_given && is_first ?
			     xstrdup(names[i].text) :
			     xasprintf("%s#%llu", names[i].text,
				       (unsigned long long)names[i].guest->id);

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

/* A tenant, with its path as a label has it. */
struct path {
	char *text;
	const struct tenant *tenant;
	size_t index;
};

/* Of equal paths, a defined tenant comes first: its label stays when a match ends. */
static int compare_paths(const void *a, const void *b)
{
	const struct path *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	if (order)
		return order;
	if (x->tenant->is_match != y->tenant->is_match)
		return x->tenant->is_match ? 1 : -1;
	return x->tenant->id < y->tenant->id ? -1 : 1;
}

static char *path_text(const char *cgroup)
{
	char *escaped = escape_string(cgroup, false);
	char *text = xstrdup(utf8_tail(escaped, MAX_PATH_LABEL));

	reserve_hash_suffix(text);
	free(escaped);
	return text;
}

char **export_tenant_labels(const struct tenants *tenants)
{
	struct path *paths = xcalloc(tenants->num, sizeof(*paths));
	char **labels = xcalloc(tenants->num, sizeof(*labels));
	size_t i;

	for (i = 0; i < tenants->num; i++)
		paths[i] = (struct path) {
			.text = path_text(tenants->v[i].cgroup),
			.tenant = &tenants->v[i], .index = i,
		};
	if (tenants->num)
		qsort(paths, tenants->num, sizeof(*paths), compare_paths);
	for (i = 0; i < tenants->num; i++) {
		bool is_first = !i || strcmp(paths[i].text, paths[i - 1].text);
		char *text = is_first ? xstrdup(paths[i].text) :
			     xasprintf("%s#%llu", paths[i].text,
				       (unsigned long long)paths[i].tenant->id);

		labels[paths[i].index] = metrics_escape(text);
		free(text);
	}
	for (i = 0; i < tenants->num; i++)
		free(paths[i].text);
	free(paths);
	return labels;
}

void export_tenant_labels_free(char **labels, const struct tenants *tenants)
{
	size_t i;

	for (i = 0; i < tenants->num; i++)
		free(labels[i]);
	free(labels);
}
