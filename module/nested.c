// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that use VMX or SVM themselves.
 *
 * Where KVM notes that a guest has executed VMXON is private, so there are two
 * answers. What everyone can see: a guest turns CR4.VMXE on for VMXON and
 * cannot turn it off before VMXOFF; on AMD it turns EFER.SVME on for VMRUN.
 * And, while a limit needs it, what hooks tell: VMXON and VMXOFF themselves,
 * the first VMRUN and the end of EFER.SVME.
 */
#include <linux/kvm_host.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "nested.h"

static bool tracked;

static bool may_be_on(const struct kvm_vcpu *vcpu)
{
	/* It may be running, and KVM writes them plainly. */
	unsigned long cr4 = data_race(READ_ONCE(vcpu->arch.cr4));
	u64 efer = data_race(READ_ONCE(vcpu->arch.efer)); /* likewise */

	return cr4 & X86_CR4_VMXE || efer & EFER_SVME;
}

static bool in_l3(const struct kvm_vcpu *vcpu)
{
	/* Likewise. */
	return data_race(READ_ONCE(vcpu->arch.hflags)) & HF_GUEST_MASK;
}

static enum l1t_nested vcpu_nested(const struct l1t_vcpu *v)
{
	if (in_l3(v->vcpu))
		return L1T_NESTED_RUNNING;
	if (tracked ? v->nested : may_be_on(v->vcpu))
		return L1T_NESTED_ON;
	return L1T_NESTED_OFF;
}

/**
 * l1t_guest_nested() - does a guest use VMX or SVM itself
 * @g: alive or dead
 *
 * Return: running if any of its vCPUs is with an L3 now, on if any may be.
 */
enum l1t_nested l1t_guest_nested(struct l1t_guest *g)
{
	enum l1t_nested most = L1T_NESTED_OFF;
	struct l1t_vcpu *v;

	list_for_each_entry_rcu(v, &g->vcpus, link, true) {
		raw_spin_lock(&l1t_lock);
		if (v->vcpu)
			most = max(most, vcpu_nested(v));
		raw_spin_unlock(&l1t_lock);
	}
	return most;
}

/**
 * l1t_nested_vms() - guests that use VMX or SVM themselves
 *
 * Context: may sleep.
 */
u32 l1t_nested_vms(void)
{
	struct l1t_guest *g;
	struct l1t_vcpu *v;
	bool on;
	u32 n = 0;

	raw_spin_lock(&l1t_lock);
	list_for_each_entry(g, &l1t_guests, link) {
		on = g->nested_holds;
		if (!tracked)
			list_for_each_entry(v, &g->vcpus, link)
				on |= v->vcpu && may_be_on(v->vcpu);
		n += on;
	}
	raw_spin_unlock(&l1t_lock);
	return n;
}

/**
 * l1t_nested_hold() - a guest takes a place among those that use VMX or SVM
 * @g: the guest
 *
 * Each vCPU that does holds it, and so does a thread that is about to.
 * Context: l1t_lock held.
 */
void l1t_nested_hold(struct l1t_guest *g)
{
	lockdep_assert_held(&l1t_lock);
	if (!g->nested_holds++)
		l1t_ledger.nested_vms++;
}

/**
 * l1t_nested_unhold() - undo l1t_nested_hold()
 * @g: the guest
 *
 * Context: l1t_lock held.
 */
void l1t_nested_unhold(struct l1t_guest *g)
{
	lockdep_assert_held(&l1t_lock);
	if (!--g->nested_holds)
		l1t_ledger.nested_vms--;
}

/**
 * l1t_nested_set() - a vCPU begins to use VMX or SVM, or ends
 * @v: the vCPU
 * @on: which of the two; the same twice is once
 *
 * Context: l1t_lock held.
 */
void l1t_nested_set(struct l1t_vcpu *v, bool on)
{
	lockdep_assert_held(&l1t_lock);
	if (v->nested == on)
		return;
	WRITE_ONCE(v->nested, on);
	if (on)
		l1t_nested_hold(v->guest);
	else
		l1t_nested_unhold(v->guest);
}

/**
 * l1t_nested_adopt() - a vCPU that the hooks have not told of is known now
 * @v: in the registry
 *
 * Context: l1t_lock held.
 */
void l1t_nested_adopt(struct l1t_vcpu *v)
{
	if (tracked && v->vcpu)
		l1t_nested_set(v, may_be_on(v->vcpu));
}

/**
 * l1t_nested_restored() - a guest's nested state may have been restored
 * @g: the guest
 *
 * Context: l1t_lock held.
 */
void l1t_nested_restored(struct l1t_guest *g)
{
	struct l1t_vcpu *v;

	if (!tracked)
		return;
	list_for_each_entry(v, &g->vcpus, link)
		if (v->vcpu && in_l3(v->vcpu))
			l1t_nested_set(v, true);
}

/**
 * l1t_nested_track() - hooks begin to tell who uses VMX or SVM, or end
 * @on: which of the two
 *
 * What came before is judged by what everyone can see. Context: may sleep; the
 * hooks are attached in both cases, or have just been released.
 */
void l1t_nested_track(bool on)
{
	struct l1t_guest *g;
	struct l1t_vcpu *v;

	raw_spin_lock(&l1t_lock);
	tracked = on;
	list_for_each_entry(g, &l1t_guests, link) {
		list_for_each_entry(v, &g->vcpus, link) {
			if (on)
				l1t_nested_adopt(v);
			else
				l1t_nested_set(v, false);
		}
	}
	raw_spin_unlock(&l1t_lock);
}
