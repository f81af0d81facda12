// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "base/terminal.h"
#include "model/json.h"
#include "ui/sentences.h"

#define TITLE_WIDTH	11

void sentence_print(const char *title, const char *text)
{
	printf("%-*s", TITLE_WIDTH, title);
	terminal_wrap(text, TITLE_WIDTH, terminal_columns());
}

void sentences_print(const char *title, const struct sentences *texts)
{
	size_t i;

	for (i = 0; i < texts->num; i++)
		sentence_print(i ? "" : title, texts->v[i]);
}

json_t *sentences_to_json(const struct sentences *texts)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < texts->num; i++)
		json_array_append_new(array, json_text(texts->v[i]));
	return array;
}
