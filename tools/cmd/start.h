/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CMD_START_H
#define L1TUNE_CMD_START_H

#include <jansson.h>

#include "model/start.h"

/* Of what took most time, so many are shown. */
#define MOST_COSTS	3

json_t *start_to_json(const struct start *start, const struct start_list *list);

#endif
