/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_REPLACE_H
#define L1TUNE_REPLACE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* A file that is written beside another and takes its place when it is whole. */
struct replacement {
	FILE *file;
	char *path;
	char *temporary;
};

/*
 * The temporary file is hidden, in the same directory, and has the owner and the
 * permissions of the file that it replaces: but only the caller may read it if that one
 * is another user's in a directory that everybody may write to. A link to a file stays:
 * the file that it names is replaced. 0 or -errno: -ELOOP also for a link of another
 * user, -ENOTSUP for what is not a file.
 */
int replacement_start(struct replacement *replacement, const char *path);

/* The same, but the new file is the caller's, with this mode, whoever's the old one is. */
int replacement_start_own(struct replacement *replacement, const char *path, mode_t mode);

/*
 * When it returns 0 the new file is on the disk under its name. Otherwise
 * -errno, and the old file is still there unless the directory could not be
 * synced.
 */
int replacement_finish(struct replacement *replacement);
void replacement_drop(struct replacement *replacement);

#endif
