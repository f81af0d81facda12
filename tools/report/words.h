/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_WORDS_H
#define L1TUNE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* How much of a text is one word, path or number: 0 if it begins with none. */
size_t word_length(const char *text);

/* Takes the words of a text as the tool's own; they are not copied. */
void words_add(const char *text);

/* Is it a word of the tool's own texts? */
bool word_is_own(const char *word, size_t len);

#endif
