/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_KNOB_H
#define L1TUNE_KNOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/env.h"
#include "model/guest.h"
#include "settings/class-write.h"

/* What can be tuned, and whose it is. */
struct knob {
	const char *name;
	enum { KNOB_NEW_GUESTS, KNOB_PARAM } kind;
	/* Of guests to come: what stands for "not set here", and the range. */
	const char *unset;
	unsigned long long least, most;
	/* A guest that lives may have one of its own. */
	bool is_guests;
	const char *what;
};

enum { NUM_NEW_GUEST_KNOBS = 4 };

/* Those of guests to come first, in an order in which they may be set. */
extern const struct knob knobs[];
extern const size_t num_knobs;

/* NULL if there is none of this name. */
const struct knob *knob_find(const char *name);

/* What is wrong with a value, or NULL. Parameters are checked by their module. */
const char *knob_check(const struct knob *knob, const char *value);

/* How it can be changed. */
enum knob_change { KNOB_NOW, KNOB_RELOAD, KNOB_ABSENT };

/*
 * Reads its value, of a guest if that is not NULL. KNOB_ABSENT if this machine
 * has none, or it may not be read.
 */
enum knob_change knob_read(const struct knob *knob, const struct env *env,
			   const struct guest *guest, char *value, size_t size);

/* Where it is written. */
void knob_plan(const struct knob *knob, const struct env *env,
	       const struct guest *guest, const char *value,
	       struct class_write *write);

/* The commands that change a parameter which is fixed when its module is loaded. */
char *knob_reload(const struct knob *knob, const struct env *env,
		  const char *value);

#endif
