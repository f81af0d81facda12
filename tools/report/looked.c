// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "base/util.h"
#include "report/find.h"
#include "report/looked.h"

static bool is_same(const json_t *a, const json_t *b, const char *key)
{
	return !strcmp(text_of(a, key), text_of(b, key));
}

bool looked_are_alike(const json_t *a, const json_t *b)
{
	return a && b && is_same(a, b, "verdict") && is_same(a, b, "seen") &&
	       (!looked_is_open(a) || is_same(a, b, "how_to_find_out"));
}

bool looked_is_open(const json_t *cause)
{
	return !strcmp(text_of(cause, "verdict"), "not_ruled_out");
}

char *looked_result(const json_t *cause)
{
	const char *verdict = text_of(cause, "verdict"), *seen = text_of(cause, "seen");
	char *text = xasprintf("%s%s%s", looked_is_open(cause) ? "not ruled out" :
			       !strcmp(verdict, "shown") ? "shown" : "ruled out",
			       *seen ? ": " : "", seen);

	if (looked_is_open(cause) && *text_of(cause, "how_to_find_out"))
		append(&text, "; to find out: %s", text_of(cause, "how_to_find_out"));
	return text;
}
