/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EXPORT_H
#define L1TUNE_EXPORT_H

#include "export/openmetrics.h"
#include "model/snapshot.h"
#include "settings/limit-use.h"

/* The metrics of a machine without the module. */
void export_absence(struct metrics *metrics);

void export_host(struct metrics *metrics, const struct host *host);

/* The uses are in the order of limit_kinds. */
void export_limits(struct metrics *metrics, const struct limits *limits,
		   const struct limit_use *uses);

/* Comes before the guests, and alone when they may not be read. */
void export_guests_readable(struct metrics *metrics, bool are_readable);

/* Times by guest, or with by_reason by guest, reason and level. */
void export_guests(struct metrics *metrics, const struct snapshot *snapshot,
		   bool by_reason);

#endif
