/* SPDX-License-Identifier: GPL-2.0 */
/* Whether what a thread asks KVM for is within the limits. */
#ifndef L1TUNE_ADMIT_H
#define L1TUNE_ADMIT_H

#include "guest.h"

/**
 * struct l1t_demand - what a thread asks KVM for
 * @guest: for which guest; of a new VM it is the guest itself
 * @vm: this VM
 * @vcpu: a vCPU of it
 * @more_memory_bytes: memory that it would have beside what it has
 * @nested: that it uses VMX or SVM itself
 * @restore: by restored state rather than by an instruction
 * @places: the tenants that it is of; filled in by l1t_admit()
 */
struct l1t_demand {
	struct l1t_guest *guest;
	bool vm;
	bool vcpu;
	u64 more_memory_bytes;
	bool nested;
	bool restore;
	const struct l1t_places *places;
};

u64 l1t_demand_peak_bytes(const struct l1t_demand *demand);
int l1t_admit(struct l1t_demand *demand);
int l1t_admit_unreserved(struct l1t_demand *demand);

#endif
