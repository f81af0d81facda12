// SPDX-License-Identifier: GPL-2.0
/* Looks up accounts by their vCPUs. Part of the hot path, see exit.c. */
#include <linux/err.h>
#include <linux/hashtable.h>

#include "find.h"
#include "lock.h"

/*
 * Matches no vCPU. The probe may compare its state with an exit reason, which is a
 * small number: up to 5.15 that is the first argument.
 */
static struct l1t_account nobody = { .state = (unsigned long)-ENOENT };

/*
 * The account of the vCPU that ran last on this CPU, because it usually runs next.
 * l1t_find_remove() clears it when that vCPU is destroyed; otherwise a new vCPU at
 * the same address would count for the old one.
 */
DEFINE_PER_CPU(struct l1t_account *, l1t_last_account);

bool l1t_registry_open __read_mostly;

/**
 * l1t_find_init() - let no CPU remember an account; call before the first exit
 *
 * A module's per-CPU variable cannot be initialized statically with an address.
 */
void l1t_find_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(l1t_last_account, cpu) = &nobody;
}

static void remember(struct l1t_account *acct, const struct kvm_vcpu *vcpu)
{
	/* The first look-up adds the vCPU's address to the state. */
	if (!l1t_account_is_of(acct, vcpu))
		WRITE_ONCE(acct->state, acct->state + (unsigned long)vcpu);
	this_cpu_write(l1t_last_account, acct);
	/*
	 * If the end of vCPUs is not observed, the account may have been removed meanwhile.
	 * Pairs with l1t_find_remove(): either that clears what was written here, or this
	 * sees that it has begun.
	 */
	smp_mb();
	if (unlikely(READ_ONCE(acct->vcpu) != vcpu))
		this_cpu_write(l1t_last_account, &nobody);
}

/* Accounts by vCPU; changed under l1t_lock. */
static DEFINE_HASHTABLE(accounts, 10);

/**
 * l1t_account_get() - look up the account of a vCPU
 * @vcpu: only compared
 *
 * Context: RCU read section or l1t_lock.
 * Return: the account or NULL.
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
 * l1t_account_look_up() - look up an account that this CPU does not remember
 * @vcpu: loaded, or about to be, by the current thread
 *
 * Context: preemption disabled.
 * Return: the account or NULL.
 */
noinline struct l1t_account *l1t_account_look_up(const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct;

	rcu_read_lock();
	acct = l1t_account_get(vcpu);
	rcu_read_unlock();
	/*
	 * It outlives the RCU read section: it is freed after its vCPU is destroyed,
	 * which cannot happen while this thread runs the vCPU.
	 */
	if (acct)
		remember(acct, vcpu);
	return acct;
}

/**
 * l1t_find_add() - count a vCPU's exits from now on
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
 * l1t_find_remove() - stop counting the exits of a vCPU that is being destroyed
 * @acct: its account; the vCPU no longer runs
 *
 * May overwrite what another CPU has just remembered, which costs that CPU one look-up.
 *
 * Context: l1t_lock held.
 */
void l1t_find_remove(struct l1t_account *acct)
{
	int cpu;

	lockdep_assert_held(&l1t_lock);
	hash_del_rcu(&acct->node);
	WRITE_ONCE(acct->vcpu, NULL);
	/* Pairs with remember(). */
	smp_mb();
	for_each_possible_cpu(cpu) {
		struct l1t_account **last = per_cpu_ptr(&l1t_last_account, cpu);

		if (READ_ONCE(*last) == acct)
			WRITE_ONCE(*last, &nobody);
	}
}

/**
 * l1t_account_here() - the account of the vCPU that ran last on this CPU
 *
 * Context: preemption disabled.
 * Return: the account or NULL.
 */
struct l1t_account *l1t_account_here(void)
{
	struct l1t_account *acct = this_cpu_read(l1t_last_account);

	return acct == &nobody ? NULL : acct;
}
