/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CAPTURE_H
#define L1TUNE_CAPTURE_H

#include <jansson.h>
#include <stdio.h>
#include <sys/types.h>

#include "ui/options.h"

/* A command that runs in a process of its own, for its JSON document. */
struct capture {
	pid_t pid;
	FILE *out, *err;
};

/* STATUS_OK, or STATUS_FAILED after a message. Words begin with the command. */
int capture_start(struct capture *capture, const struct options *options,
		  char *words[], int num_words);

/*
 * Waits for its end: the document, or NULL with a copy of what it said instead.
 * Each that was started is to be finished.
 */
json_t *capture_finish(struct capture *capture, char **why);

#endif
