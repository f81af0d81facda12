/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_REPLACE_H
#define L1TUNE_REPLACE_H

#include <stdbool.h>
#include <stdio.h>

/* A file that is written beside another and takes its place when it is whole. */
struct replacement {
	FILE *file;
	char *path;
	char *temporary;
};

/*
 * The temporary file is hidden, in the same directory, and has owner and mode
 * of the file that is replaced. 0 or -errno.
 */
int replacement_start(struct replacement *replacement, const char *path);

/* 0, or -errno: then the old file is still there. */
int replacement_finish(struct replacement *replacement);
void replacement_drop(struct replacement *replacement);

#endif
