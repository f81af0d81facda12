/* SPDX-License-Identifier: GPL-2.0 */
/* What is in use, by all guests or those of one tenant; l1t_lock. */
#ifndef L1TUNE_LEDGER_H
#define L1TUNE_LEDGER_H

#include <linux/types.h>

/**
 * enum l1t_used - what living guests use, and what is being created
 * @L1T_USED_VMS: guests
 * @L1T_USED_VCPUS: their vCPUs
 * @L1T_USED_MEMORY: sum of the peaks of each guest's memory, in bytes
 * @L1T_USED_NESTED_VMS: guests that use VMX or SVM themselves, while that is tracked
 * @L1T_ASKED_VCPUS: vCPUs that KVM is creating
 * @L1T_ASKED_MEMORY: memory beyond the peaks that KVM is adding, in bytes
 * @L1T_USED_KINDS: number of these
 */
enum l1t_used {
	L1T_USED_VMS,
	L1T_USED_VCPUS,
	L1T_USED_MEMORY,
	L1T_USED_NESTED_VMS,
	L1T_ASKED_VCPUS,
	L1T_ASKED_MEMORY,
	L1T_USED_KINDS
};

struct l1t_ledger {
	u64 of[L1T_USED_KINDS];
};

#endif
