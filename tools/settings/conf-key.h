/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CONF_KEY_H
#define L1TUNE_CONF_KEY_H

#include <stddef.h>

#include "settings/knob.h"
#include "settings/limit.h"

/* What a line of the configuration can set. */
struct conf_key {
	char *name;
	/* Below the class; NULL for a parameter of the module, which is set as it is loaded. */
	char *file;
	/* What the module has where no line sets it. */
	const char *unset;
	/* A copy as the module writes it; NULL, or what is wrong with the text. */
	const char *(*parse)(const struct conf_key *key, const char *text,
			     char **value);
	/* A copy of what the module wrote, for people. */
	char *(*show)(const struct conf_key *key, const char *value);
	const struct limit_kind *limit;
	const struct knob *knob;
};

/* All there are, in the order in which they are shown. */
const struct conf_key *conf_keys(size_t *num);

/* NULL if there is none of this name. */
const struct conf_key *conf_key_find(const char *name);
/* The one that may have been meant; NULL if none is close. */
const struct conf_key *conf_key_nearest(const char *name);

#endif
