// SPDX-License-Identifier: GPL-2.0
/* Whose exit it is: accounts by their vCPUs. Part of the hot path, see exit.c. */
#include <linux/err.h>
#include <linux/hashtable.h>

#include "find.h"
#include "lock.h"

/*
 * The account of no vCPU. What a probe compares with its state may be an exit
 * reason, which is a small number: until 5.15 that is the first argument.
 */
static struct l1t_account nobody = { .state = (unsigned long)-ENOENT };

/*
 * The vCPU that ran last on this CPU, since it is mostly the one that runs
 * next. It is forgotten when the vCPU dies (l1t_find_remove()), or a vCPU
 * born at the same address would count for the dead.
 */
DEFINE_PER_CPU(struct l1t_account *, l1t_last_account);

/**
 * l1t_find_init() - get ready for the first exit
 *
 * A module's per-CPU data cannot be initialized with an address.
 */
void l1t_find_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(l1t_last_account, cpu) = &nobody;
}

static void remember(struct l1t_account *acct, const struct kvm_vcpu *vcpu)
{
	/* The first time it is learnt whose it is. */
	if (!l1t_account_is_of(acct, vcpu))
		WRITE_ONCE(acct->state, acct->state + (unsigned long)vcpu);
	this_cpu_write(l1t_last_account, acct);
}

/* Accounts by their vCPUs; changed under l1t_lock. */
static DEFINE_HASHTABLE(accounts, 10);

/**
 * l1t_account_get() - the account of a vCPU, or NULL
 * @vcpu: only compared
 *
 * Context: RCU read section or l1t_lock.
 */
struct l1t_account *l1t_account_get(const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct;

	hash_for_each_possible_rcu(accounts, acct, node, (unsigned long)vcpu,
				   lockdep_is_held(&l1t_lock))
		if (READ_ONCE(acct->vcpu) == vcpu)
			return acct;
	return NULL;
}

/**
 * l1t_account_look_up() - the account of a vCPU that this CPU does not remember
 * @vcpu: loaded, or about to be, by this thread
 *
 * Context: preemption off. Return: the account, or NULL.
 */
noinline struct l1t_account *l1t_account_look_up(const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct;

	rcu_read_lock();
	acct = l1t_account_get(vcpu);
	rcu_read_unlock();
	/*
	 * It outlives the read section: it is freed after its vCPU is
	 * destroyed, which cannot be while that vCPU runs here.
	 */
	if (acct)
		remember(acct, vcpu);
	return acct;
}

/**
 * l1t_find_add() - a vCPU's next exit is counted
 * @acct: its account
 * @vcpu: the vCPU
 *
 * Context: l1t_lock held.
 */
void l1t_find_add(struct l1t_account *acct, const struct kvm_vcpu *vcpu)
{
	lockdep_assert_held(&l1t_lock);
	acct->vcpu = vcpu;
	hash_add_rcu(accounts, &acct->node, (unsigned long)vcpu);
}

/**
 * l1t_find_remove() - a vCPU is being destroyed
 * @acct: its account; it no longer runs
 *
 * Another CPU may just be remembering another vCPU; losing that is one slow
 * look-up. Context: l1t_lock held.
 */
void l1t_find_remove(struct l1t_account *acct)
{
	int cpu;

	lockdep_assert_held(&l1t_lock);
	hash_del_rcu(&acct->node);
	WRITE_ONCE(acct->vcpu, NULL);
	for_each_possible_cpu(cpu) {
		struct l1t_account **last = per_cpu_ptr(&l1t_last_account, cpu);

		if (READ_ONCE(*last) == acct)
			WRITE_ONCE(*last, &nobody);
	}
}

/**
 * l1t_account_here() - the account that this CPU remembers, or NULL
 *
 * Context: preemption off.
 */
struct l1t_account *l1t_account_here(void)
{
	struct l1t_account *acct = this_cpu_read(l1t_last_account);

	return acct == &nobody ? NULL : acct;
}
