/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PROBE_FILE_H
#define L1TUNE_PROBE_FILE_H

#include <jansson.h>

#include "probe/probe.h"

/* What was found as a document and back. */
json_t *probe_to_json(const struct probe *probe);
/* STATUS_OK, or STATUS_FAILED after a message; probe_free() in every case. */
int probe_load(const char *path, struct probe *probe);

/* Keeps it in the directory state. */
int probe_save(const char *state, const struct probe *probe);

/*
 * Reads what is kept there: true if root alone can have written it and nothing
 * that it depends on has changed since; else *why is it not good for anything.
 * probe_free() in every case.
 */
bool probe_saved(const char *state, const struct machine *now, struct probe *probe,
		 const char **why);

#endif
