/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_JSON_H
#define L1TUNE_JSON_H

#include "snapshot.h"

/*
 * Prints the one document there is: what it is about, "l1", and "l2" with the
 * guests, with their reasons or without. Without a snapshot "l2" is null.
 */
int json_print(const struct host *host, const struct snapshot *snapshot,
	       bool with_reasons);

#endif
