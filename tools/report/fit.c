// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/json.h"
#include "report/fit.h"

/* \uHHHH for one character. */
#define ESCAPE_BYTES	6

/*
 * A reader ends the element at "</script" wherever that is, and "<!--" changes how
 * it is read. In JSON these characters are in strings only, where they can be escaped.
 */
static char *escape_html(const char *text)
{
	size_t len = 0, i;
	char *escaped, *end;

	for (i = 0; text[i]; i++)
		len += strchr("<>&", text[i]) ? ESCAPE_BYTES : 1;
	escaped = end = xcalloc(len + 1, 1);
	for (i = 0; text[i]; i++) {
		if (strchr("<>&", text[i]))
			end += sprintf(end, "\\u%04x", text[i]);
		else
			*end++ = text[i];
	}
	return escaped;
}

static char *dump(const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII), *escaped;

	escaped = escape_html(text ? text : "null");
	free(text);
	return escaped;
}

static size_t size_of(const json_t *json)
{
	char *text = dump(json);
	size_t size = strlen(text);

	free(text);
	return size;
}

static void drop_histograms(json_t *guests, size_t i)
{
	json_t *cell;
	size_t j;

	json_array_foreach(json_object_get(json_array_get(guests, i), "reasons"), j, cell)
		json_object_del(cell, "hist");
}

static void drop_reasons(json_t *guests, size_t i)
{
	json_object_del(json_array_get(guests, i), "reasons");
}

static void drop_one(json_t *array, size_t i)
{
	json_array_remove(array, i);
}

static const struct step {
	const char *document, *array;
	/* How "left_out" calls it. */
	const char *name;
	void (*drop)(json_t *array, size_t i);
} steps[] = {
	{ "stat", "l2", "histograms", drop_histograms },
	{ "limits", "tenants", "tenants", drop_one },
	{ "stat", "l2", "reasons", drop_reasons },
	{ "stat", "l2", "guests", drop_one },
	{ "advise", "advice", "advice", drop_one },
	{ "timeline", "points", "points", drop_one },
};

static uint64_t take_step(json_t *report, const struct step *step, size_t *excess)
{
	json_t *array = json_object_get(json_object_get(report, step->document), step->array);
	size_t i = json_array_size(array);
	uint64_t dropped = 0;

	for (; i && *excess; dropped++) {
		size_t before = size_of(json_array_get(array, --i)), after;

		step->drop(array, i);
		/* One that is removed had a comma as well. */
		after = step->drop == drop_one ? 0 : size_of(json_array_get(array, i));
		*excess = sub_clamped(*excess, before - after);
	}
	return dropped;
}

char *report_fit(json_t *report, size_t bytes)
{
	json_t *left_out = json_object();
	size_t excess, i;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		json_set(left_out, steps[i].name, json_number(0));
	json_set(json_object_get(report, "report"), "left_out", left_out);
	/* With room for the numbers in "left_out". */
	excess = sub_clamped(size_of(report) + 20 * ARRAY_SIZE(steps), bytes);
	for (i = 0; i < ARRAY_SIZE(steps) && excess; i++)
		json_set(left_out, steps[i].name, json_number(take_step(report, &steps[i], &excess)));
	return dump(report);
}
