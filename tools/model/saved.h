/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was measured on this machine and is kept for later: a document in the
 * directory of the state, of which root alone may be the author, and which is
 * good as long as the machine is the same.
 */
#ifndef L1TUNE_SAVED_H
#define L1TUNE_SAVED_H

#include <jansson.h>

#include "model/machine.h"

enum saved {
	SAVED_GOOD,
	SAVED_NONE,
	SAVED_NOT_ROOTS,
	SAVED_DAMAGED,
	SAVED_OTHER_BOOT,
	SAVED_OTHER_KERNEL,
	SAVED_OTHER_MICROCODE,
	SAVED_OTHER_TYPE,
	NUM_SAVED,
};

/* What each of these means, for a table: of a noun, and of the command that saves. */
#define SAVED_WORDS(nothing_yet, noun, again)						\
	{										\
		[SAVED_NONE] = nothing_yet ": run " again,				\
		[SAVED_NOT_ROOTS] = "the file of " noun " can be changed by others than root: remove it, then run " again, \
		[SAVED_DAMAGED] = "the file of " noun " is damaged: run " again,	\
		[SAVED_OTHER_BOOT] = "this machine was rebooted since: run " again, \
		[SAVED_OTHER_KERNEL] = "the kernel has changed since: run " again,	\
		[SAVED_OTHER_MICROCODE] = "the microcode has changed since: run " again, \
		[SAVED_OTHER_TYPE] = "the instance type has changed since: run " again, \
	}

/* The machine that a document is of, as its key "machine", and back. */
json_t *saved_machine_to_json(const struct machine *machine);
void saved_machine_load(const json_t *document, const json_t *machine_json,
			struct machine *machine);

/* Takes the document over. STATUS_OK, or another after a message. */
int saved_write(const char *state, const char *name, json_t *document);

/* Whether there is such a file at all, and of root alone: SAVED_GOOD. */
enum saved saved_look(const char *state, const char *name, char **path);
enum saved saved_compare(const struct machine *then, const struct machine *now);

/* From a file that anybody may have written. 0 and "" if missing or invalid. */
uint64_t saved_number(const json_t *json, const char *key);
void saved_text(const json_t *json, const char *key, char *buf, size_t size);

#endif
