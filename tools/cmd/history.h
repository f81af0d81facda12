/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CMD_HISTORY_H
#define L1TUNE_CMD_HISTORY_H

#include <stdint.h>

#include "record/replayer.h"
#include "ui/options.h"

/* The time that an option names, in ns of CLOCK_REALTIME. STATUS_OK, or after an error. */
int history_time(const struct options *options, const char *option, const char *text,
		 uint64_t *ns);

/* --from TIME, and --to TIME or the present. Likewise. */
int history_window(const struct options *options, uint64_t *start_ns, uint64_t *end_ns);

/*
 * What record keeps; instead is what else the user can do if there is nothing.
 * STATUS_OK, or another one after a message. Close the replayer in every case.
 */
int history_of(const struct options *options, const char *instead,
	       struct replayer *replayer);

#endif
