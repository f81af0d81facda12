/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ANONYMOUS_H
#define L1TUNE_ANONYMOUS_H

#include <jansson.h>

/*
 * Replaces what tells whose machine a report is of: names, paths, PIDs, uids,
 * the host and the boot. The same is replaced by the same ("guest-1").
 */
void report_anonymize(json_t *report);

#endif
