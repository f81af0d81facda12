/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_INTERVALS_H
#define L1TUNE_INTERVALS_H

#include "model/snapshot.h"
#include "ui/options.h"

typedef int (*intervals_fn)(const struct options *options, const struct host *host,
		       const struct snapshot *snapshot, void *arg);

/*
 * Shows the counts since the guests' start once, or with -i those of each
 * interval until the count is reached or a signal asks to end. Returns an exit
 * status; show returns STATUS_OK to go on.
 */
int intervals_show(struct options *options, const struct selection *selection,
		   intervals_fn show, void *arg);

/* The same of the guests that the words of the command line name. */
int intervals_show_words(struct options *options, intervals_fn show, void *arg);

/* Shows the host as it is now. Returns an exit status. */
int intervals_show_host(struct options *options,
	       int (*show)(const struct options *options, const struct host *host));

#endif
