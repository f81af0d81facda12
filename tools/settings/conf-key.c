// SPDX-License-Identifier: GPL-2.0
#include <grp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "settings/conf-key.h"
#include "settings/limit-value.h"

#define AUDIT	"audit."
#define TUNE	"tune."

static const char *parse_limit(const struct conf_key *key, const char *text,
			       char **value)
{
	uint64_t number;
	const char *wrong = limit_parse_value(key->limit, text, &number);

	if (!wrong)
		*value = limit_value_text(number);
	return wrong;
}

/* In the largest unit that leaves no remainder. */
static char *show_limit(const struct conf_key *key, const char *value)
{
	static const char units[] = "KMGTP";
	size_t power = 0;
	uint64_t number;

	if (!key->limit->is_bytes || parse_u64(value, &number) || !number)
		return xstrdup(value);
	while (number % 1024 == 0 && power < strlen(units)) {
		number /= 1024;
		power++;
	}
	return xasprintf("%llu%.*s", (unsigned long long)number, !!power,
			 power ? &units[power - 1] : "");
}

static const char *parse_group(const struct conf_key *key, const char *text,
			       char **value)
{
	const struct group *group;
	uint64_t gid;

	(void)key;
	if (parse_u64(text, &gid)) {
		group = getgrnam(text);
		if (!group)
			return "there is no such group: a name that getent group shows, or a number";
		gid = group->gr_gid;
	}
	/* The largest number is none. */
	if (gid >= UINT32_MAX)
		return "too large for the number of a group";
	*value = xasprintf("%llu", (unsigned long long)gid);
	return NULL;
}

static char *show_text(const struct conf_key *key, const char *value)
{
	(void)key;
	return xstrdup(value);
}

static const char *parse_knob(const struct conf_key *key, const char *text,
			      char **value)
{
	const char *wrong = knob_check(key->knob, text);

	if (!wrong)
		*value = xstrdup(text);
	return wrong;
}

static struct conf_key knob_key(const struct knob *knob)
{
	return (struct conf_key) {
		.name = xasprintf(TUNE "%s", knob->name),
		.file = xasprintf("l1/tune/%s", knob->name),
		.unset = knob->unset,
		.parse = parse_knob,
		.show = show_text,
		.knob = knob,
	};
}

static struct conf_key limit_key(const struct limit_kind *kind,
				 const char *prefix, const char *dir)
{
	return (struct conf_key) {
		.name = xasprintf("%s%s", prefix, kind->name),
		.file = xasprintf("l1/%s/%s", dir, kind->name),
		.unset = "max",
		.parse = parse_limit,
		.show = show_limit,
		.limit = kind,
	};
}

const struct conf_key *conf_keys(size_t *num)
{
	static struct conf_key keys[2 * NUM_LIMITS + NUM_NEW_GUEST_KNOBS + 1];
	size_t i;

	*num = ARRAY_SIZE(keys);
	if (keys[0].name)
		return keys;
	for (i = 0; i < NUM_LIMITS; i++) {
		keys[i] = limit_key(&limit_kinds[i], "", "limits");
		keys[NUM_LIMITS + i] = limit_key(&limit_kinds[i], AUDIT,
						 "audit");
	}
	for (i = 0; i < NUM_NEW_GUEST_KNOBS; i++)
		keys[2 * NUM_LIMITS + i] = knob_key(&knobs[i]);
	keys[2 * NUM_LIMITS + i] = (struct conf_key) {
		.name = xstrdup("gid"), .unset = "0",
		.parse = parse_group, .show = show_text,
	};
	return keys;
}

const struct conf_key *conf_key_find(const char *name)
{
	size_t num, i;
	const struct conf_key *keys = conf_keys(&num);

	for (i = 0; i < num; i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

const struct conf_key *conf_key_nearest(const char *name)
{
	bool is_audit = !strncmp(name, AUDIT, strlen(AUDIT));
	const struct limit_kind *kind;
	const struct conf_key *keys;
	size_t num;

	keys = conf_keys(&num);
	kind = limit_nearest(name + (is_audit ? strlen(AUDIT) : 0));
	return kind ? &keys[kind - limit_kinds + (is_audit ? NUM_LIMITS : 0)] :
		      NULL;
}
