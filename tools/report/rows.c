// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/format.h"
#include "base/util.h"
#include "model/guest.h"
#include "model/json.h"
#include "report/find.h"
#include "report/rows.h"

char *reason_label(const json_t *cell)
{
	return xasprintf("%s%s", count_of(cell, "level") == 3 ? "L3 " : "", text_of(cell, "reason"));
}

/* SVM's names are lower case. */
static bool is_halt(const json_t *cell)
{
	return !strcasecmp(reason_kind(text_of(cell, "reason")), "HLT");
}

/* The highest bucket that is not empty; NULL if all are. The last bucket has no bound. */
static json_t *slowest_of(const json_t *guest, const json_t *cell)
{
	const json_t *hist = array_of(cell, "hist");
	size_t num = json_array_size(hist), end = num;
	json_t *slow;

	while (end && !json_integer_value(json_array_get(hist, end - 1)))
		end--;
	if (!end || end > 63)
		return NULL;
	slow = json_object();
	json_set(slow, "id", json_number(count_of(guest, "id")));
	json_set(slow, "name", json_text(text_of(guest, "name")));
	json_set(slow, "reason", json_text(text_of(cell, "reason")));
	json_set(slow, "level", json_number(count_of(cell, "level")));
	json_set(slow, "from_ns", json_number(end > 1 ? 1ULL << (end - 2) : 0));
	json_set(slow, "to_ns", json_number_or_null(end < num, 1ULL << (end - 1)));
	json_set(slow, "slow", json_number(json_integer_value(json_array_get(hist, end - 1))));
	json_set(slow, "count", json_number(count_of(cell, "count")));
	json_set(slow, "p50_le_ns", json_deep_copy(json_object_get(cell, "p50_le_ns")));
	json_set(slow, "p99_le_ns", json_deep_copy(json_object_get(cell, "p99_le_ns")));
	return slow;
}

static int compare_slow(const void *a, const void *b)
{
	static const char *const keys[] = { "from_ns", "slow" };
	const json_t *x = *(const json_t *const *)a, *y = *(const json_t *const *)b;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (count_of(x, keys[i]) != count_of(y, keys[i]))
			return count_of(x, keys[i]) > count_of(y, keys[i]) ? -1 : 1;
	return count_of(x, "id") < count_of(y, "id") ? -1 : count_of(x, "id") > count_of(y, "id");
}

bool is_of_canary(const json_t *row)
{
	return has_number(row, "uid") && !count_of(row, "uid") &&
	       !strcmp(text_of(row, "comm"), CANARY_NAME);
}

void drop_canary(json_t *stat)
{
	json_t *l2 = json_object_get(stat, "l2");
	size_t i = json_array_size(l2);

	while (i--)
		if (is_of_canary(json_array_get(l2, i)))
			json_array_remove(l2, i);
}

json_t *slow_exits(const json_t *stat, size_t most)
{
	const json_t *guest, *cell;
	json_t *json = json_array(), **v = NULL;
	size_t num = 0, i, j;

	json_array_foreach((json_t *)array_of(stat, "l2"), i, guest)
		json_array_foreach((json_t *)array_of(guest, "reasons"), j, cell) {
			json_t *slow = is_halt(cell) ? NULL : slowest_of(guest, cell);

			if (slow)
				*GROW(v, num) = slow;
		}
	if (num)
		qsort(v, num, sizeof(*v), compare_slow);
	for (i = 0; i < num; i++)
		if (i < most)
			json_array_append_new(json, v[i]);
		else
			json_decref(v[i]);
	free(v);
	return json;
}

char *limit_amount(const json_t *row, const char *key)
{
	return strstr(text_of(row, "limit"), "bytes") ? format_bytes(count_of(row, key)) :
			xasprintf("%llu", (unsigned long long)count_of(row, key));
}

json_t *guests_that(const json_t *stat, bool ended)
{
	json_t *json = json_array(), *guest;
	size_t i;

	json_array_foreach((json_t *)array_of(stat, "l2"), i, guest)
		if (is_true(guest, "ended") == ended)
			json_array_append(json, guest);
	return json;
}

static int compare_count(const void *a, const void *b)
{
	uint64_t x = count_of(*(const json_t *const *)a, "count");
	uint64_t y = count_of(*(const json_t *const *)b, "count");

	return x > y ? -1 : x < y;
}

char *top_reasons(const json_t *guest, size_t most)
{
	const json_t *reasons = array_of(guest, "reasons"), *cell, **v;
	size_t num = json_array_size(reasons), i;
	char *text = xstrdup("");
	double sum = 0;

	v = xcalloc(num, sizeof(*v));
	json_array_foreach((json_t *)reasons, i, cell) {
		v[i] = cell;
		sum += count_of(cell, "count");
	}
	if (num)
		qsort(v, num, sizeof(*v), compare_count);
	for (i = 0; i < num && i < most && count_of(v[i], "count"); i++) {
		char *label = reason_label(v[i]);

		append(&text, "%s%s %.0f%%", *text ? ", " : "", label,
		       100 * count_of(v[i], "count") / sum);
		free(label);
	}
	free(v);
	return text;
}
