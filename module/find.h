/* SPDX-License-Identifier: GPL-2.0 */
/* Looks up accounts by their vCPUs. */
#ifndef L1TUNE_FIND_H
#define L1TUNE_FIND_H

#include <linux/kvm_host.h>
#include <linux/percpu.h>

#include "account.h"

/*
 * The end of VMs and of vCPUs is observed, so that those that are found are alive. Written
 * under l1t_lock.
 */
extern bool l1t_registry_open;

void l1t_find_init(void);
void l1t_find_add(struct l1t_account *acct, const struct kvm_vcpu *vcpu);
void l1t_find_remove(struct l1t_account *acct);
struct l1t_account *l1t_account_get(const struct kvm_vcpu *vcpu);
struct l1t_account *l1t_account_here(void);
struct l1t_account *l1t_account_look_up(const struct kvm_vcpu *vcpu);

DECLARE_PER_CPU(struct l1t_account *, l1t_last_account);

static __always_inline bool l1t_account_is_of(const struct l1t_account *acct,
					      const struct kvm_vcpu *vcpu)
{
	/*
	 * If it is another vCPU's account, the CPU that runs that vCPU may be writing
	 * it; the result is false either way. READ_ONCE() would cost an instruction.
	 */
	return likely((data_race(acct->state) ^ (unsigned long)vcpu) <= L1T_AT_MASK);
}

/* @at: L1T_AT_*, all of the state's bits */
static __always_inline bool l1t_account_is_at(const struct l1t_account *acct,
					      const struct kvm_vcpu *vcpu,
					      unsigned long at)
{
	/* Likewise. */
	return likely(data_race(acct->state) == (unsigned long)vcpu + at);
}

/* @last: the account that this CPU remembers */
static __always_inline struct l1t_account *
l1t_account_of(struct l1t_account *last, const struct kvm_vcpu *vcpu)
{
	return l1t_account_is_of(last, vcpu) ? last : l1t_account_look_up(vcpu);
}

/*
 * The account of a vCPU that the current thread has loaded or is about to load, or
 * NULL. Context: preemption disabled.
 */
static __always_inline struct l1t_account *
l1t_account_find(const struct kvm_vcpu *vcpu)
{
	return l1t_account_of(this_cpu_read(l1t_last_account), vcpu);
}

#endif
