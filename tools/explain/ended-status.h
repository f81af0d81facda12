/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ENDED_STATUS_H
#define L1TUNE_ENDED_STATUS_H

#include "explain/ended-cause.h"
#include "explain/vmm-status.h"

void ended_explain_signal(int number, struct ended *ended);

/* @known: what the VMM means by the status. */
void ended_explain_status(const struct vmm_status *known, int status, struct ended *ended);

/* Of a status that says nothing of why. */
void ended_explain_other_status(int status, struct ended *ended);

#endif
