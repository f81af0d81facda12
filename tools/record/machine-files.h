/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MACHINE_FILES_H
#define L1TUNE_MACHINE_FILES_H

#include <stddef.h>

#include "base/env.h"
#include "record/codec.h"

/* A file that advice depends on, under "sys", "proc" or "state". */
struct machine_file {
	char *path;
	char *text;
};

struct machine_files {
	struct machine_file *v;
	size_t num;
};

/* As they are now; those that cannot be read are left out. */
void machine_files_read(const struct env *env, struct machine_files *files);
void machine_files_free(struct machine_files *files);
void machine_files_code(struct codec *codec, struct machine_files *files,
			const struct machine_files *before);

/*
 * Writes them to a new directory and makes env look at it. Returns the directory,
 * for machine_files_remove(), or NULL with errno.
 */
char *machine_files_enter(const struct machine_files *files, struct env *env);
void machine_files_remove(char *directory);

#endif
