/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EXPLAIN_CONTROLS_H
#define L1TUNE_EXPLAIN_CONTROLS_H

#include "explain/sentences.h"
#include "model/controls.h"

/* What of them costs exits, or time at each of them. */
void controls_explain(const struct controls *controls, struct sentences *findings);

#endif
