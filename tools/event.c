// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "guest.h"
#include "util.h"

static const char *const number_keys[NUM_EVENT_NUMBERS] = {
	[EVENT_VALUE] = "VALUE",
	[EVENT_USE] = "USE",
	[EVENT_COUNT] = "COUNT",
	[EVENT_PID] = "PID",
	[EVENT_UID] = "UID",
	[EVENT_EXITS] = "EXITS",
	[EVENT_EXIT_TIME] = "EXIT_TIME_NS",
	[EVENT_GUEST_TIME] = "GUEST_TIME_NS",
};

static const char *const text_keys[NUM_EVENT_TEXTS] = {
	[EVENT_LIMIT] = "LIMIT",
	[EVENT_COMM] = "COMM",
	[EVENT_ERRNO] = "ERRNO",
	[EVENT_HOOK] = "HOOK",
	[EVENT_STATE] = "STATE",
};

/* The digits of "\012", NULL if that is not what stands there. */
static const char *octal(const char *s, char *c)
{
	unsigned int value = 0, i;

	for (i = 0; i < 3; i++) {
		if (s[i] < '0' || s[i] > '7')
			return NULL;
		value = value * 8 + s[i] - '0';
	}
	*c = value;
	return value && value < 256 ? s + 3 : NULL;
}

char *event_unescape(const char *s)
{
	static const char letters[] = "fnrtvae\\\"";
	static const char meant[] = "\f\n\r\t\v\a\033\\\"";
	char *out = xcalloc(strlen(s) + 1, 1), *end = out;

	while (*s) {
		const char *letter = *s == '\\' && s[1] ?
				     strchr(letters, s[1]) : NULL;
		const char *rest = *s == '\\' ? octal(s + 1, end) : NULL;

		if (letter) {
			*end++ = meant[letter - letters];
			s += 2;
		} else if (rest) {
			end++;
			s = rest;
		} else {
			*end++ = *s++;
		}
	}
	*end = '\0';
	return out;
}

static bool is(const char *value, const char *expected)
{
	return value && !strcmp(value, expected);
}

static enum event_kind kind_of(const struct uevent *uevent, bool is_guest)
{
	const char *event = uevent_get(uevent, "EVENT");
	const char *taken = uevent_get(uevent, "ACTION_TAKEN");

	if (is(uevent->action, "add"))
		return is_guest ? EVENT_ADDED : EVENT_LOADED;
	if (is(uevent->action, "remove"))
		return is_guest ? EVENT_REMOVED : EVENT_UNLOADED;
	if (is(event, "limit") && is(taken, "denied"))
		return EVENT_DENIED;
	if (is(event, "limit") && is(taken, "audited"))
		return EVENT_AUDITED;
	if (is(event, "effective"))
		return is(uevent_get(uevent, "EFFECTIVE"), "1") ?
		       EVENT_EFFECTIVE : EVENT_INEFFECTIVE;
	return EVENT_OTHER;
}

static void take_fields(const struct uevent *uevent, struct event *event)
{
	const char *value;
	size_t i;

	for (i = 0; i < NUM_EVENT_NUMBERS; i++) {
		value = uevent_get(uevent, number_keys[i]);
		event->has[i] = value && !parse_u64(value, &event->number[i]);
	}
	for (i = 0; i < NUM_EVENT_TEXTS; i++) {
		value = uevent_get(uevent, text_keys[i]);
		/* Pacing fails no call. */
		if (value && !(i == EVENT_ERRNO && is(value, "0")))
			event->text[i] = i == EVENT_COMM ? event_unescape(value) :
							   xstrdup(value);
	}
}

int event_take(const struct uevent *uevent, struct event *event)
{
	const char *device = uevent_device(uevent);
	const char *guest = uevent_get(uevent, "L2");
	bool is_guest;

	*event = (struct event){ };
	if (!is(uevent_get(uevent, "SUBSYSTEM"), "l1tune"))
		return -ENOENT;
	is_guest = !guest_parse_id(device, "l2-", &event->id);
	if (!is_guest && strcmp(device, "l1"))
		return -ENOENT;
	event->has_id = is_guest ||
			(guest && !guest_parse_id(guest, "l2-", &event->id));
	clock_gettime(CLOCK_REALTIME, &event->time);
	event->kind = kind_of(uevent, is_guest);
	take_fields(uevent, event);
	if (event->kind == EVENT_OTHER) {
		const char *what = uevent_get(uevent, "EVENT");

		event->what = xstrdup(what ? what : uevent->action);
	}
	return 0;
}

void event_free(struct event *event)
{
	size_t i;

	free(event->name);
	free(event->what);
	for (i = 0; i < NUM_EVENT_TEXTS; i++)
		free(event->text[i]);
	*event = (struct event){ };
}
