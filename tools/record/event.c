// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "base/wait.h"
#include "model/guest.h"
#include "record/event.h"

static const char *const number_keys[NUM_EVENT_NUMBERS] = {
	[EVENT_VALUE] = "VALUE",
	[EVENT_USE] = "USE",
	[EVENT_COUNT] = "COUNT",
	[EVENT_PID] = "PID",
	[EVENT_UID] = "UID",
	[EVENT_EXITS] = "EXITS",
	[EVENT_EXIT_TIME] = "EXIT_TIME_NS",
	[EVENT_GUEST_TIME] = "GUEST_TIME_NS",
	[EVENT_GUESTS] = "GUESTS",
	[EVENT_VCPU] = "VCPU",
	[EVENT_FOR] = "FOR_NS",
};

static const char *const text_keys[NUM_EVENT_TEXTS] = {
	[EVENT_LIMIT] = "LIMIT",
	[EVENT_COMM] = "COMM",
	[EVENT_ERRNO] = "ERRNO",
	[EVENT_END] = "END",
	[EVENT_HOOK] = "HOOK",
	[EVENT_STATE] = "STATE",
	[EVENT_RULE] = "RULE",
	[EVENT_REASON] = "REASON",
	[EVENT_CULPRIT] = "CULPRIT",
	[EVENT_CHANGES] = "CHANGES",
	[EVENT_TENANT] = "TENANT",
	[EVENT_CGROUP] = "CGROUP",
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

char *event_escape(const char *s)
{
	char *out = xcalloc(4 * strlen(s) + 1, 1), *end = out;

	for (; *s; s++) {
		const char *octal = *s == ' ' ? "\\040" : *s == '\n' ? "\\012" :
				    *s == '\\' ? "\\134" : NULL;

		if (octal)
			end = stpcpy(end, octal);
		else
			*end++ = *s;
	}
	*end = '\0';
	return out;
}

static bool is(const char *value, const char *expected)
{
	return value && !strcmp(value, expected);
}

static enum event_kind kind_of(const struct uevent_keys *keys,
			       const char *action, bool is_guest)
{
	const char *event = uevent_get(keys, "EVENT");
	const char *taken = uevent_get(keys, "ACTION_TAKEN");

	if (is(event, "advice"))
		return is(action, "add") ? EVENT_ADVISED : EVENT_RESOLVED;
	if (is(event, "watch"))
		return is(action, "slow") ? EVENT_SLOW : is(action, "hang") ? EVENT_HANG :
									     EVENT_LOST;
	if (is(event, "moved"))
		return EVENT_MOVED;
	if (is(action, "add"))
		return is_guest ? EVENT_ADDED : EVENT_LOADED;
	if (is(action, "remove"))
		return is_guest ? EVENT_REMOVED : EVENT_UNLOADED;
	if (is(event, "limit") && is(taken, "denied"))
		return EVENT_DENIED;
	if (is(event, "limit") && is(taken, "audited"))
		return EVENT_AUDITED;
	if (is(event, "effective"))
		return is(uevent_get(keys, "EFFECTIVE"), "1") ?
		       EVENT_EFFECTIVE : EVENT_INEFFECTIVE;
	return EVENT_OTHER;
}

/* Texts that users choose, which the module escapes. */
static bool is_escaped(enum event_text text)
{
	return text == EVENT_COMM || text == EVENT_CULPRIT || text == EVENT_CHANGES ||
	       text == EVENT_CGROUP;
}

static void take_keys(const struct uevent_keys *keys, struct event *event)
{
	const char *value;
	size_t i;

	for (i = 0; i < NUM_EVENT_NUMBERS; i++) {
		value = uevent_get(keys, number_keys[i]);
		event->has[i] = value && !parse_u64(value, &event->number[i]);
	}
	for (i = 0; i < NUM_EVENT_TEXTS; i++) {
		value = uevent_get(keys, text_keys[i]);
		/* Pacing fails no call. */
		if (value && !(i == EVENT_ERRNO && is(value, "0")))
			event->text[i] = is_escaped(i) ?
					 event_unescape(value) : xstrdup(value);
	}
}

static void take(const struct uevent_keys *keys, const char *action,
		 bool is_guest, struct event *event)
{
	const char *guest = uevent_get(keys, "L2");
	const char *what = uevent_get(keys, "EVENT");

	if (!event->has_id && guest)
		event->has_id = !guest_parse_id(guest, "l2-", &event->id);
	event->kind = kind_of(keys, action, is_guest);
	take_keys(keys, event);
	if (event->kind == EVENT_OTHER)
		event->what = xstrdup(what ? what : action ? action : "");
}

int event_take_uevent(const struct uevent *uevent, struct event *event)
{
	const char *device = uevent_device(uevent);

	*event = (struct event){ };
	if (!is(uevent_get(&uevent->keys, "SUBSYSTEM"), "l1tune"))
		return -ENOENT;
	event->has_id = !guest_parse_id(device, "l2-", &event->id);
	if (!event->has_id && strcmp(device, "l1"))
		return -ENOENT;
	clock_gettime(CLOCK_REALTIME, &event->time);
	take(&uevent->keys, uevent->action, event->has_id, event);
	return 0;
}

/* When it was by the wall clock, as far as that was not set since. */
static struct timespec time_of(uint64_t at_ns)
{
	uint64_t now_ns, ago_ns = sub_clamped(boottime_ns(), at_ns);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now_ns = sub_clamped(now.tv_sec * NSEC_PER_SEC + now.tv_nsec, ago_ns);
	return (struct timespec) {
		.tv_sec = now_ns / NSEC_PER_SEC,
		.tv_nsec = now_ns % NSEC_PER_SEC,
	};
}

void event_take_record(const struct record *record, struct event *event)
{
	bool is_guest = is(uevent_get(&record->keys, "EVENT"), "guest");

	*event = (struct event){ .time = time_of(record->time_ns) };
	take(&record->keys, uevent_get(&record->keys, "ACTION"), is_guest, event);
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
