/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ACCOUNT_JSON_H
#define L1TUNE_ACCOUNT_JSON_H

#include <jansson.h>

#include "model/snapshot.h"

/* The counts of each account of guests that the snapshot has, with reasons. */
json_t *json_accounts(const struct snapshot *snapshot);

#endif
