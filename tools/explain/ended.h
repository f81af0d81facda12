/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ENDED_H
#define L1TUNE_ENDED_H

#include "base/util.h"
#include "explain/sentences.h"
#include "model/gone.h"
#include "probe/probe.h"

/*
 * Why a guest ended, in words that come from what its record has. confidence is
 * "high" where the record shows it, "medium" where it fits and something else was not
 * ruled out, "low" where only the kind of end is known.
 */
struct ended {
	char *cause;
	const char *confidence;
	struct sentences evidence;
	struct sentences ruled_out;
	/* What else fits. */
	struct sentences open;
	/* How to find out more, or NULL. */
	const char *next;
	/* That, if it was put together. */
	char *made_next;
};

/* A parameter of KVM: without it a guest gets #GP for MSRs that KVM does not know. */
#define IGNORE_MSRS	"kvm.ignore_msrs"

/* The vCPU that it is explained by; without any state if the record has none. */
const struct gone_vcpu *ended_vcpu(const struct gone *gone);

/* Sets the cause. */
__printf(3, 4) void ended_conclude(struct ended *ended, const char *confidence,
				   const char *fmt, ...);

/* With what l1tune probe found; NULL where it is not known. */
void ended_explain(const struct gone *gone, const struct probe *probe, struct ended *ended);
void ended_free(struct ended *ended);

#endif
