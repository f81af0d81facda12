/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_DRIFT_SHOW_H
#define L1TUNE_DRIFT_SHOW_H

#include <jansson.h>

#include "record/drift.h"

/* "since 03:12 an exit costs 38 % more, …: L0 changed", to free. */
char *drift_text(const struct drift_change *change);
json_t *drift_change_to_json(const struct drift_change *change);

/* Null where it is not known. */
json_t *drift_time_to_json(uint64_t time_ns);
json_t *drift_level_to_json(const struct drift_level *level);

#endif
