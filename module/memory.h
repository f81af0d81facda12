/* SPDX-License-Identifier: GPL-2.0 */
/* How much memory a VM has in its slots. */
#ifndef L1TUNE_MEMORY_H
#define L1TUNE_MEMORY_H

#include <linux/kvm_host.h>

#include "compat.h"

/* A slot of the VMM's rather than one that KVM created for itself. */
static inline bool l1t_is_user_slot(const struct kvm_memory_slot *slot)
{
	return slot && slot->id < KVM_USER_MEM_SLOTS;
}

u64 l1t_memory_slot_bytes(const struct kvm_memory_slot *slot);
u64 l1t_memory_added_bytes(const struct l1t_slot_change *change);
u64 l1t_memory_removed_bytes(const struct l1t_slot_change *change);
u64 l1t_memory_sum_bytes(struct kvm *kvm, u64 *slot_bytes);

#endif
