/* SPDX-License-Identifier: GPL-2.0 */
/* What is read of a struct kvm besides its exits. */
#ifndef L1TUNE_VM_H
#define L1TUNE_VM_H

#include <linux/kvm_host.h>

#include "guest.h"

bool l1t_vm_listed(const struct kvm *kvm);
u64 l1t_vm_memory_bytes(struct kvm *kvm);
u64 l1t_vm_memory_bytes_with(struct kvm *kvm, int as_id, u64 npages);
void l1t_vm_identify(struct kvm *kvm, struct l1t_guest *g);

#endif
