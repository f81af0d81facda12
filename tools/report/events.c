// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"
#include "report/events.h"
#include "report/find.h"
#include "report/html.h"
#include "report/rows.h"

static char *time_of_event(const json_t *row)
{
	return clock_text(count_of(row, "time_ns"));
}

static char *kind(const json_t *row)
{
	return xstrdup(text_of(row, "kind"));
}

static char *guest(const json_t *row)
{
	char *name, *text;

	if (!has_number(row, "id"))
		return xstrdup("-");
	name = short_text(text_of(row, "name"));
	text = xasprintf("%s%sl2-%llu", name, *name ? " " : "",
			 (unsigned long long)count_of(row, "id"));
	free(name);
	return text;
}

static void add_free(char **text, const char *before, char *what)
{
	if (*what)
		append(text, "%s%s%s", **text ? ", " : "", before, what);
	free(what);
}

static void add_text(char **text, const json_t *row, const char *key, const char *before)
{
	add_free(text, before, short_text(text_of(row, key)));
}

static void add_number(char **text, const json_t *row, const char *key, const char *before)
{
	if (has_number(row, key))
		add_free(text, before, xasprintf("%llu", (unsigned long long)count_of(row, key)));
}

static void add_amount(char **text, const json_t *row, const char *key, const char *before)
{
	if (has_number(row, key))
		add_free(text, before, limit_amount(row, key));
}

/* What is known of it, whatever it is: no event has all of that. */
static char *details(const json_t *row)
{
	char *text = xstrdup("");

	add_text(&text, row, "cgroup", "tenant ");
	add_text(&text, row, "limit", "");
	add_amount(&text, row, "value", "limit ");
	add_amount(&text, row, "use", "in use ");
	add_text(&text, row, "hook", "hook ");
	add_text(&text, row, "hook_state", "");
	add_text(&text, row, "rule", "");
	add_number(&text, row, "guests", "guests: ");
	add_text(&text, row, "end", "");
	add_number(&text, row, "exits", "exits: ");
	if (count_of(row, "count") > 1)
		add_number(&text, row, "count", "times: ");
	add_text(&text, row, "comm", "VMM ");
	add_number(&text, row, "vcpu", "vCPU ");
	if (has_number(row, "for_ns"))
		add_free(&text, "", format_ns(count_of(row, "for_ns")));
	add_text(&text, row, "reason", "in ");
	add_text(&text, row, "culprit", "");
	add_text(&text, row, "changes", "");
	add_text(&text, row, "what", "");
	return text;
}

static const struct report_column columns[] = {
	{ "Time", COLUMN_LABEL, time_of_event },
	{ "Event", COLUMN_LABEL, kind },
	{ "Guest", COLUMN_NAME, guest },
	{ "Details", COLUMN_PROSE, details },
	{ }
};

const struct report_table events_table = { columns, "events, which were earlier", 50 };
