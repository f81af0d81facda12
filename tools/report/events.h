/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_REPORT_EVENTS_H
#define L1TUNE_REPORT_EVENTS_H

#include "report/tables.h"

/* Events as JSON, each with its time: the latest first. */
extern const struct report_table events_table;

#endif
