/* SPDX-License-Identifier: GPL-2.0 */
/* Decides whether what a thread asks KVM for is within the limits. */
#ifndef L1TUNE_ADMIT_H
#define L1TUNE_ADMIT_H

#include "guest.h"

/**
 * struct l1t_demand - what a thread asks KVM for
 * @guest: for which guest; for a new VM the guest itself, if it has a block
 * @vm: a VM
 * @vcpu: a vCPU
 * @run: to run a vCPU that has no account, so that it could not be paced
 * @more_memory_bytes: memory in addition to what the VM has
 * @more_slot_bytes: what its memory slots have more then
 * @nested: the use of VMX or SVM
 * @restore: @nested is requested by restoring state rather than by an instruction
 * @places: the tenants that it belongs to; filled in by l1t_admit()
 */
struct l1t_demand {
	struct l1t_guest *guest;
	bool vm;
	bool vcpu;
	bool run;
	u64 more_memory_bytes;
	u64 more_slot_bytes;
	bool nested;
	bool restore;
	const struct l1t_places *places;
};

u64 l1t_demand_peak_bytes(const struct l1t_demand *demand);
int l1t_admit(struct l1t_demand *demand);
int l1t_admit_unreserved(struct l1t_demand *demand);

#endif
