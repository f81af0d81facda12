/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CLASS_WRITE_H
#define L1TUNE_CLASS_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/env.h"

/* A file below the class, what it had and what it gets. */
struct class_write {
	char path[256];
	/* path is absolute: the file is not the module's. */
	bool is_whole;
	char before[32];
	char *after;
	/* A prefix of messages, "FILE:LINE: ", or NULL. */
	char *where;
};

/* Where its path begins. */
int class_write_directory(const struct env *env, const struct class_write *write);

/*
 * Read the old value, and write the new one: STATUS_OK, or another exit status
 * after a message.
 */
int class_write_read(const struct env *env, struct class_write *write);
int class_write_apply(const struct env *env, const struct class_write *write);

/*
 * The parts of class_writes_apply(). Reads what they all have; writes them until one
 * fails, with how many were written; gives the first ones back what they had, and says
 * which remain: true if none does. The first two return STATUS_OK, or another exit
 * status after a message.
 */
int class_writes_read(const struct env *env, struct class_write *writes, size_t num);
int class_writes_write(const struct env *env, const struct class_write *writes, size_t num,
		       size_t *num_written);
bool class_writes_restore(const struct env *env, const struct class_write *writes,
			  size_t num);

/*
 * Writes them all, or none: when one fails, those before it get back what they had, and
 * signals wait until then. STATUS_OK, or another exit status after a message.
 */
int class_writes_apply(const struct env *env, struct class_write *writes,
		       size_t num);
void class_writes_free(struct class_write *writes, size_t num);

#endif
