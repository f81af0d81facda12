/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_UI_SENTENCES_H
#define L1TUNE_UI_SENTENCES_H

#include <jansson.h>

#include "explain/sentences.h"

/* A title, which may be empty, and a sentence, which a terminal gets in lines that fit. */
void sentence_print(const char *title, const char *text);
/* The same of each, with one title before the first. */
void sentences_print(const char *title, const struct sentences *texts);
json_t *sentences_to_json(const struct sentences *texts);

#endif
