/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LOCK_H
#define L1TUNE_LOCK_H

#include <linux/spinlock.h>

/*
 * Protects the registry (guest.h), the ledger (ledger.h), the users (user.h), and
 * every pointer of ours to a struct kvm or kvm_vcpu: the hooks on their destruction
 * clear these under the lock, before KVM frees the memory.
 *
 * Hooks on KVM take it, so it is a raw spinlock and is held only briefly: nothing is
 * allocated, freed or printed under it, and no list is walked that one user can make
 * long. Interrupts may only trylock it.
 */
extern raw_spinlock_t l1t_lock;

#endif
