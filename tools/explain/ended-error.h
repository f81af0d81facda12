/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ENDED_ERROR_H
#define L1TUNE_ENDED_ERROR_H

#include "explain/ended-cause.h"
#include "model/gone.h"

/* Of KVM_EXIT_INTERNAL_ERROR. */
void ended_explain_internal_error(const struct gone *gone, const struct gone_vcpu *vcpu,
				  struct ended *ended);

/* Of a KVM_RUN that failed, or returned a reason that no VMM can continue from. */
void ended_explain_run_error(const struct gone_vcpu *vcpu, struct ended *ended);

#endif
