/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_JSON_H
#define L1TUNE_JSON_H

#include "snapshot.h"

enum {
	JSON_REASONS = 1 << 0,
	/* "sum" beside "l2": all guests as one. */
	JSON_SUM = 1 << 1,
};

/*
 * Prints the one document there is: what it is about, "l1", and "l2" with the
 * guests. Without a snapshot "l2" is null.
 */
int json_print(const struct host *host, const struct snapshot *snapshot,
	       unsigned int contents);

#endif
