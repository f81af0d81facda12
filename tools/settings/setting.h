/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SETTING_H
#define L1TUNE_SETTING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/env.h"
#include "base/error.h"
#include "model/guest.h"
#include "model/select.h"
#include "settings/class-write.h"
#include "settings/limit.h"

enum setting_kind {
	SETTING_LIMIT = 1 << 0,
	SETTING_AUDIT = 1 << 1,
	/* How guests to come are run. */
	SETTING_TUNE = 1 << 2,
	/* Parameters of KVM's modules. */
	SETTING_PARAM = 1 << 3,
	/* Parameters of l1tune, set as it is loaded. */
	SETTING_LOAD = 1 << 4,
	/* Done to a guest once: it has no value to read. */
	SETTING_ACTION = 1 << 5,
	/* Limits and audit thresholds of a tenant; conf_name is NULL. */
	SETTING_TENANT = 1 << 6,
};

/* Something that can be set, by a command or by a line of the configuration. */
struct setting {
	enum setting_kind kind;
	/* On command lines, and in the configuration; NULL where it is not. */
	const char *name;
	const char *conf_name;
	/* Below a device of the class, or of parameters below /sys/module. */
	const char *path;
	/* What it is where nothing sets it. */
	const char *unset;
	const char *what;
	/* A guest can have a value of its own. */
	bool is_guests;
	const struct limit_kind *limit;
	uint64_t least, most;
	/* A copy as the kernel takes it; NULL, or what is wrong with the text. */
	const char *(*parse)(const struct setting *setting, const char *text,
			     char **value);
	/* A copy of the kernel's text, for people. */
	char *(*show)(const struct setting *setting, const char *value);
};

/* All, in the order in which they are shown and set. */
const struct setting *settings_all(size_t *num);

/* The ith of these kinds in that order; NULL after the last. */
const struct setting *setting_at(size_t i, unsigned int kinds);

/* By name; NULL if there is none of these kinds. */
const struct setting *setting_find(const char *name, unsigned int kinds);
const struct setting *setting_find_conf(const char *name);

/* The error for a name that there is not, with the one that may be meant. */
int setting_unknown(const char *name, unsigned int kinds, struct error *error);
int setting_unknown_conf(const char *name, bool is_tenants, struct error *error);

/* Its length or -errno; of a device of the class, "l2-3", or with NULL of this machine. */
int setting_read(const struct setting *setting, const struct env *env,
		 const char *device, char *value, size_t size);

int setting_read_guest(const struct setting *setting, const struct env *env,
		       const struct guest *guest, char *value, size_t size);

/* Tells that one of the class could not be read; the exit status for that. */
int setting_complain(const struct setting *setting, const struct env *env,
		     const char *device, int err);

/* For guests that start later only, of this machine's: running ones keep what they have? */
bool setting_is_for_new(const struct setting *setting, const struct env *env);

/* Fixed until its module is loaded again? */
bool setting_needs_reload(const struct setting *setting, const struct env *env);
/* The commands that change it then. */
char *setting_reload(const struct setting *setting, const struct env *env,
		     const char *value);

/* Why guests would not start with that value here; NULL if it is not known that they would not. */
const char *setting_why_harmful(const struct setting *setting, const struct env *env,
				const char *value);

void setting_plan(const struct setting *setting, const struct env *env,
		  const char *device, const char *value,
		  struct class_write *write);

struct assignment {
	const struct setting *setting;
	char *value;
};

struct assignments {
	struct assignment *v;
	size_t num;
};

/*
 * Takes words of a command line apart: GUESTs, and NAME=VALUEs of these kinds
 * for them. STATUS_OK, or STATUS_USAGE with an error.
 */
int assignments_parse(char *const words[], int num, unsigned int kinds,
		      struct selection *guests, struct assignments *assignments,
		      struct error *error);
/* NAME=VALUE, and not the selector of a guest? */
bool assignment_is(const char *word);
void assignments_free(struct assignments *assignments);

/*
 * Writes them all, or none: when one fails, those before it get back what they
 * had. device is NULL for this machine's. STATUS_OK, or another one after
 * telling.
 */
int assignments_apply(const struct assignments *assignments,
		      const struct env *env, const char *device);

#endif
