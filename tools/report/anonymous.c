// SPDX-License-Identifier: GPL-2.0
/*
 * Names that a report has under a key of their own are collected first, and replaced
 * wherever they stand. Other strings may have a name in them that no key knows, a
 * thread's or a device's: of those every word is replaced that is not the tool's own.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "report/anonymous.h"
#include "report/find.h"
#include "report/words.h"

/* A lower number may as well be a count that a text has. */
#define LEAST_PID_IN_TEXTS	100

struct pseudonym {
	char *text;
	size_t len;
	char *replacement;
};

struct pseudonyms {
	struct pseudonym *v;
	size_t num;
};

/* Values of these keys identify a user or a machine. */
static const struct private_key {
	const char *key, *replacement;
} private_keys[] = {
	{ "boot_id", "boot" },
	{ "cgroup", "cgroup" },
	{ "comm", "process" },
	{ "host", "host" },
	{ "pid", "pid" },
	{ "uid", "uid" },
};

/* Values of these keys are the module's, the kernel's or the CPU's, and identify nobody. */
static const char *const public_keys[] = {
	"changes", "cpu", "hypervisor", "instance_type", "isa", "kernel", "microcode", "module",
	"reason", "revision", "time", "tool", "vendor",
};

static const struct private_key *find_private(const char *key)
{
	size_t i;

	for (i = 0; key && i < ARRAY_SIZE(private_keys); i++)
		if (!strcmp(private_keys[i].key, key))
			return &private_keys[i];
	return NULL;
}

static bool is_public(const char *key)
{
	size_t i;

	for (i = 0; key && i < ARRAY_SIZE(public_keys); i++)
		if (!strcmp(public_keys[i], key))
			return true;
	return false;
}

static const struct pseudonym *find(const struct pseudonyms *names, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < names->num; i++)
		if (names->v[i].len == len && !memcmp(names->v[i].text, text, len))
			return &names->v[i];
	return NULL;
}

/* "guest-3" for the third one that is called a guest. */
static const char *replace(struct pseudonyms *names, const char *kind, const char *text,
			   size_t len)
{
	const struct pseudonym *known = find(names, text, len);
	size_t kind_len = strlen(kind), number = 1, i;

	if (known)
		return known->replacement;
	for (i = 0; i < names->num; i++)
		number += !strncmp(names->v[i].replacement, kind, kind_len) &&
			  names->v[i].replacement[kind_len] == '-';
	*GROW(names->v, names->num) = (struct pseudonym) {
		.text = xmemdup0(text, len), .len = len,
		.replacement = xasprintf("%s-%zu", kind, number),
	};
	return names->v[names->num - 1].replacement;
}

static void collect_text(struct pseudonyms *names, const char *kind, const char *text)
{
	if (*text)
		replace(names, kind, text, strlen(text));
}

/* As texts name it: a bare PID, and "uid 1000". */
static void collect_number(struct pseudonyms *names, const struct private_key *private,
			   json_int_t value)
{
	bool is_pid = !strcmp(private->key, "pid");
	char *text;

	if (is_pid && value < LEAST_PID_IN_TEXTS)
		return;
	text = is_pid ? xasprintf("%lld", (long long)value) :
			xasprintf("%s %lld", private->key, (long long)value);
	collect_text(names, private->replacement, text);
	free(text);
}

static void collect_value(struct pseudonyms *names, const char *key, const json_t *value)
{
	const struct private_key *private = find_private(key);

	if (is_public(key) && json_is_string(value))
		words_add(json_string_value(value));
	if (private && json_is_string(value))
		collect_text(names, private->replacement, json_string_value(value));
	if (private && json_is_integer(value))
		collect_number(names, private, json_integer_value(value));
}

/* What has an id and a name is a guest. */
static void collect(struct pseudonyms *names, const json_t *json)
{
	const json_t *value;
	const char *key;
	size_t i;

	if (json_is_integer(json_object_get(json, "id")))
		collect_text(names, "guest", text_of(json, "name"));
	json_object_foreach((json_t *)json, key, value) {
		collect_value(names, key, value);
		collect(names, value);
	}
	json_array_foreach(json, i, value)
		collect(names, value);
}

/* "12", "0.25", "0x1f", "4K", "16.4us": of a number's digits and its unit. */
static bool is_number(const char *word, size_t len)
{
	static const char *const units[] = {
		"", "ns", "us", "ms", "s", "m", "h", "d", "K", "M", "G", "T", "P", "k",
		"MB", "GB", "KB", "x", "%",
	};
	bool is_hex = len > 2 && word[0] == '0' && word[1] == 'x';
	size_t digits = is_hex ? 2 : 0, i;

	if (!isdigit((unsigned char)word[0]))
		return false;
	while (digits < len && (is_hex ? isxdigit((unsigned char)word[digits]) :
				isdigit((unsigned char)word[digits]) || word[digits] == '.'))
		digits++;
	for (i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i]) == len - digits &&
		    !memcmp(units[i], word + digits, len - digits))
			return true;
	return false;
}

/* "l2-3" */
static bool is_guest_id(const char *word, size_t len)
{
	size_t i;

	for (i = 3; i < len && isdigit((unsigned char)word[i]); i++)
		;
	return len > 3 && i == len && !strncmp(word, "l2-", 3);
}

/* A number after one of these words, or alone in parentheses as a thread's, is an id. */
static bool is_id(const char *text, const char *word, size_t number_len)
{
	static const char *const before[] = { "-p ", "pid ", "PID ", "pid:", "uid ", "uid:" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(before); i++) {
		size_t len = strlen(before[i]);

		if ((size_t)(word - text) >= len && !memcmp(word - len, before[i], len))
			return true;
	}
	return word > text && word[-1] == '(' && word[number_len] == ')';
}

/* What to put for a word: NULL for itself. */
static const char *replacement_of(struct pseudonyms *names, const char *text,
				  const char *word, size_t len)
{
	const struct pseudonym *known = find(names, word, len);

	if (known)
		return known->replacement;
	if (is_number(word, len))
		return is_id(text, word, len) ? replace(names, "id", word, len) : NULL;
	if (word_is_own(word, len) || is_guest_id(word, len))
		return NULL;
	return replace(names, memchr(word, '/', len) ? "path" : "name", word, len);
}

/* The longest name that a text begins with and that ends with a word. */
static const struct pseudonym *find_at(const struct pseudonyms *names, size_t num_collected,
				       const char *text)
{
	const struct pseudonym *longest = NULL;
	size_t i;

	for (i = 0; i < num_collected; i++) {
		const struct pseudonym *name = &names->v[i];

		if (!strncmp(text, name->text, name->len) &&
		    !isalnum((unsigned char)text[name->len]) &&
		    (!longest || longest->len < name->len))
			longest = name;
	}
	return longest;
}

static char *scrub(struct pseudonyms *names, size_t num_collected, const char *text)
{
	const char *at = text, *replacement;
	char *clean = xstrdup("");

	while (*at) {
		const struct pseudonym *name = find_at(names, num_collected, at);
		size_t len = name ? name->len : word_length(at);

		replacement = name ? name->replacement :
			      len ? replacement_of(names, text, at, len) : NULL;
		if (replacement)
			append(&clean, "%s", replacement);
		else
			append(&clean, "%.*s", (int)(len ? len : 1), at);
		at += len ? len : 1;
	}
	return clean;
}

/* PIDs that texts may contain have been collected; other numbers are recognised by their key. */
static char *private_text(const struct pseudonyms *names, const char *key, const json_t *value)
{
	char *text;

	if (json_is_string(value))
		return xstrdup(json_string_value(value));
	text = xasprintf("%lld", (long long)json_integer_value(value));
	if (!strcmp(key, "pid") && find(names, text, strlen(text)))
		return text;
	free(text);
	return xasprintf("%s %lld", key, (long long)json_integer_value(value));
}

static json_t *clean_private(struct pseudonyms *names, const struct private_key *private,
			     const json_t *value)
{
	json_t *clean;
	char *text;

	if (!json_is_string(value) && !json_is_integer(value))
		return json_null();
	text = private_text(names, private->key, value);
	clean = json_string(replace(names, private->replacement, text, strlen(text)));
	free(text);
	return clean;
}

static void clean_all(struct pseudonyms *names, size_t num_collected, json_t *json);

/* Returns what to put for a value, or NULL where it has been cleaned itself. */
static json_t *clean_value(struct pseudonyms *names, size_t num_collected, const char *key,
			   json_t *value)
{
	const struct private_key *private = find_private(key);
	json_t *clean;
	char *text;

	if (private && !json_is_object(value) && !json_is_array(value))
		return clean_private(names, private, value);
	if (json_is_string(value) && !is_public(key)) {
		text = scrub(names, num_collected, json_string_value(value));
		clean = json_string(text);
		free(text);
		return clean;
	}
	clean_all(names, num_collected, value);
	return NULL;
}

static void clean_all(struct pseudonyms *names, size_t num_collected, json_t *json)
{
	json_t *value, *clean;
	const char *key;
	size_t i;

	json_object_foreach(json, key, value) {
		clean = clean_value(names, num_collected, key, value);
		if (clean)
			json_object_set_new(json, key, clean);
	}
	json_array_foreach(json, i, value) {
		clean = clean_value(names, num_collected, NULL, value);
		if (clean)
			json_array_set_new(json, i, clean);
	}
}

void report_anonymize(json_t *report)
{
	struct pseudonyms names = { };
	size_t i;

	collect(&names, report);
	clean_all(&names, names.num, report);
	for (i = 0; i < names.num; i++) {
		free(names.v[i].text);
		free(names.v[i].replacement);
	}
	free(names.v);
}
