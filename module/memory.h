/* SPDX-License-Identifier: GPL-2.0 */
/* How much memory a VM has in its slots. */
#ifndef L1TUNE_MEMORY_H
#define L1TUNE_MEMORY_H

#include <linux/kvm_host.h>

#include "compat.h"

u64 l1t_memory_added_bytes(const struct l1t_slot_change *change);
u64 l1t_memory_removed_bytes(const struct l1t_slot_change *change);
u64 l1t_memory_sum_bytes(struct kvm *kvm);

#endif
