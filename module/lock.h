/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LOCK_H
#define L1TUNE_LOCK_H

#include <linux/spinlock.h>

/*
 * Protects the registry (guest.h), the ledger (ledger.h), the users (user.h),
 * and every pointer of ours to a struct kvm or kvm_vcpu: the hooks on their
 * destruction clear those under it, before KVM frees the memory.
 *
 * KVM's hooks take it, so it is a spinning lock, and short: nothing is
 * allocated, freed or printed while it is held, and no list is walked that one
 * user can make long. Interrupts only try to take it.
 */
extern raw_spinlock_t l1t_lock;

#endif
