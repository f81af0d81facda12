/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ADVICE_LOG_H
#define L1TUNE_ADVICE_LOG_H

#include "explain/advise.h"

/* Advice that there was at one of the last looks. */
struct advice_entry {
	/* A constant of the rules. */
	const char *rule;
	/* The guest, or 0 and how many: that may change without being a change. */
	uint64_t guest_id;
	size_t num_guests;
	/* CLOCK_BOOTTIME of the last look that found it. */
	uint64_t found_ns;
};

struct advice_log {
	struct advice_entry *v;
	size_t num;
};

/* is_new: the advice is new; otherwise, it has ended. */
typedef void (*advice_change_fn)(const struct advice_entry *entry, bool is_new, void *arg);

/*
 * Judges what happened between two snapshots of one load of the module, by what
 * records have, and calls back for what has changed since the looks before.
 * Nothing of single VMMs is read: it is cheap enough to be done once a minute.
 */
void advice_log_look(struct advice_log *log, const struct env *env, const struct host *host,
		     const struct snapshot *before, const struct snapshot *after,
		     advice_change_fn fn, void *arg);
void advice_log_free(struct advice_log *log);

#endif
