/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_UI_SENTENCES_H
#define L1TUNE_UI_SENTENCES_H

#include <jansson.h>

#include "explain/sentences.h"

/* A line each, the first with a title. */
void sentences_print(const char *title, const struct sentences *texts);
json_t *sentences_to_json(const struct sentences *texts);

#endif
