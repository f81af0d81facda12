// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "report/words.h"

/* Linux has no error number from here on. */
#define ERRNOS	134

/* The string literals of the tool, a line each; the Makefile writes it. */
static const char *const texts[] = {
#include "report/texts.inc"
};

struct word {
	const char *text;
	size_t len;
};

static struct word *words;
static size_t num_words, max_words;
static bool is_loaded, is_sorted;

static bool is_in_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || (c && strchr("_-./:@+~\\", c));
}

/* Punctuation at its end belongs to the sentence. */
size_t word_length(const char *text)
{
	size_t len = 0;

	while (is_in_word(text[len]))
		len++;
	while (len && strchr(".:-", text[len - 1]))
		len--;
	return len;
}

static int compare(const void *a, const void *b)
{
	const struct word *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->text, y->text, len);

	return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

/* A conversion of printf() is no word, nor a part of one. */
static size_t conversion_length(const char *text)
{
	size_t len = 1;

	if (*text != '%')
		return 0;
	len += strspn(text + len, "-+ #0123456789.*lzh");
	return text[len] ? len + 1 : len;
}

/* There are thousands: room is made for many at a time. */
static void add_word(const char *text, size_t len)
{
	if (num_words == max_words) {
		max_words = max_words ? 2 * max_words : 1024;
		words = xreallocarray(words, max_words, sizeof(*words));
	}
	words[num_words++] = (struct word){ text, len };
}

void words_add(const char *text)
{
	while (*text) {
		size_t len = word_length(text), conversion = conversion_length(text);

		if (len)
			add_word(text, len);
		text += len ? len : conversion ? conversion : 1;
	}
	is_sorted = false;
}

/* Texts have the words of strerror() in them, which the next call may overwrite. */
static void load_words(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		words_add(texts[i]);
	for (i = 1; i < ERRNOS; i++)
		words_add(xstrdup(strerror(i)));
	is_loaded = true;
}

bool word_is_own(const char *word, size_t len)
{
	const struct word key = { word, len };

	if (!is_loaded)
		load_words();
	if (!is_sorted)
		qsort(words, num_words, sizeof(*words), compare);
	is_sorted = true;
	return bsearch(&key, words, num_words, sizeof(*words), compare);
}
