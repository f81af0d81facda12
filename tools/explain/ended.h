/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ENDED_H
#define L1TUNE_ENDED_H

#include "explain/ended-cause.h"
#include "model/gone.h"
#include "probe/probe.h"

/* A parameter of KVM: without it a guest gets #GP for MSRs that KVM does not know. */
#define IGNORE_MSRS	"kvm.ignore_msrs"

/* The vCPU that it is explained by; without any state if the record has none. */
const struct gone_vcpu *ended_vcpu(const struct gone *gone);

/* With what l1tune probe found; NULL where it is not known. */
void ended_explain(const struct gone *gone, const struct probe *probe, struct ended *ended);
void ended_free(struct ended *ended);

#endif
