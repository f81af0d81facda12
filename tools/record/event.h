/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EVENT_H
#define L1TUNE_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "record/drift.h"
#include "record/record.h"
#include "record/uevent.h"

enum event_number {
	EVENT_VALUE, EVENT_USE, EVENT_COUNT, EVENT_PID, EVENT_UID, EVENT_EXITS,
	EVENT_EXIT_TIME, EVENT_GUEST_TIME, EVENT_GUESTS, EVENT_VCPU, EVENT_FOR,
	NUM_EVENT_NUMBERS
};

enum event_text {
	EVENT_LIMIT, EVENT_COMM, EVENT_ERRNO, EVENT_END, EVENT_HOOK, EVENT_STATE,
	EVENT_RULE, EVENT_REASON, EVENT_CULPRIT, EVENT_CHANGES,
	/* Whose limit it is, and its path: uevents have no path. */
	EVENT_TENANT, EVENT_CGROUP, NUM_EVENT_TEXTS
};

/* An event of the module, of l1tune record or watch, or of the canary. Strings are as they were found. */
struct event {
	enum event_kind {
		EVENT_ADDED, EVENT_REMOVED, EVENT_DENIED, EVENT_AUDITED,
		EVENT_EFFECTIVE, EVENT_INEFFECTIVE, EVENT_LOADED,
		EVENT_UNLOADED, EVENT_LOST, EVENT_ADVISED, EVENT_RESOLVED,
		EVENT_DRIFT, EVENT_SLOW, EVENT_HANG, EVENT_MOVED, EVENT_OTHER,
		NUM_EVENT_KINDS
	} kind;
	struct timespec time;
	/* The guest that it is about, if it is about one. */
	bool has_id;
	uint64_t id;
	char *name;
	bool has[NUM_EVENT_NUMBERS];
	uint64_t number[NUM_EVENT_NUMBERS];
	/* NULL where there is none. */
	char *text[NUM_EVENT_TEXTS];
	/* For EVENT_LOST: how many, 0 if not known. */
	uint64_t num_lost;
	/* Of EVENT_DRIFT: the caller's. */
	const struct drift_change *change;
	/* Of EVENT_OTHER: what it is called. */
	char *what;
};

/*
 * Takes a uevent, which every process receives: it has no amounts, users or names. 0,
 * then free with event_free(), or -ENOENT if it is not l1tune's.
 */
int event_take_uevent(const struct uevent *uevent, struct event *event);
/* What l1/events has of it. Free with event_free(). */
void event_take_record(const struct record *record, struct event *event);
void event_free(struct event *event);

/* What %*pE of the kernel made of a string, undone. */
char *event_unescape(const char *s);
/* Makes any string a word of an event. */
char *event_escape(const char *s);

#endif
