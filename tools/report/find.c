// SPDX-License-Identifier: GPL-2.0
#include "base/format.h"
#include "base/util.h"
#include "report/find.h"

const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

bool has_number(const json_t *object, const char *key)
{
	return json_is_number(json_object_get(object, key));
}

double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

uint64_t count_of(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? value : 0;
}

bool is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const json_t *array_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_array(value) ? value : NULL;
}

double cpus_of(const json_t *object, const char *key)
{
	double interval_ns = number_of(object, "interval_ns");

	return interval_ns > 0 ? number_of(object, key) / interval_ns : 0;
}

char *time_text(const json_t *object, const char *key)
{
	return has_number(object, key) ? format_ns(count_of(object, key)) : xstrdup("-");
}
