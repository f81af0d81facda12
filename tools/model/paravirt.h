/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PARAVIRT_H
#define L1TUNE_PARAVIRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

/* What a guest turns on by an MSR, or off. */
enum paravirt_use {
	PARAVIRT_KVMCLOCK,
	PARAVIRT_ASYNC_PF,
	PARAVIRT_STEAL_TIME,
	PARAVIRT_PV_EOI,
	PARAVIRT_HOST_POLL,
	NUM_PARAVIRT_USES
};

/* KVM's interface for guests that know of it, of a vCPU. */
struct paravirt {
	/* KVM_FEATURE_*, bits of CPUID 0x40000001. */
	bool is_offered_known;
	uint32_t offered;
	/* False of a vCPU that is gone. */
	bool is_used_known;
	bool used[NUM_PARAVIRT_USES];
};

/* That of a guest's vCPUs, as far as they are there. */
struct guest_paravirt {
	struct paravirt *v;
	size_t num;
	/* A vCPU has no such file: it is gone, or the module is older. */
	bool is_older;
};

/* 0 or -errno. Free v in any case. */
int guest_paravirt_read(const struct env *env, const struct guest_snapshot *guest,
			struct guest_paravirt *paravirt);

#endif
