/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_RULES_H
#define L1TUNE_RULES_H

#include "explain/facts.h"

extern const struct rule rules[];
extern const size_t num_rules;

#endif
