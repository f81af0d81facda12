/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PARAVIRT_H
#define L1TUNE_PARAVIRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* 0 or -errno: -ENOENT if the vCPU is gone, or the module is older. */
int paravirt_read(int guest_fd, uint64_t vcpu, struct paravirt *paravirt);

#endif
