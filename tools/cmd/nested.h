/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CMD_NESTED_H
#define L1TUNE_CMD_NESTED_H

#include <jansson.h>

#include "model/snapshot.h"

/* With what only the running system knows if @env is given. */
json_t *nested_to_json(const struct env *env, const struct snapshot *snapshot);

#endif
