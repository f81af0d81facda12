/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BUSY_THREADS_H
#define L1TUNE_BUSY_THREADS_H

#include "explain/facts.h"

/*
 * "vnc_worker 0.97, live_migration 0.20": the VMM's threads beside the vCPUs' that have most of
 * a CPU now, by a look of a tenth of a second. A copy; NULL if none has, or it is not known.
 */
char *busiest_threads(const struct facts *facts);

#endif
