/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_RULES_H
#define L1TUNE_RULES_H

#include "explain/cause.h"
#include "explain/facts.h"

extern const struct rule rules[];
extern const size_t num_rules;

extern const struct symptom *const symptoms[];
extern const size_t num_symptoms;

#endif
