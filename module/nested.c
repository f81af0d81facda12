// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that use VMX or SVM themselves.
 *
 * KVM's note that a guest has executed VMXON is private, so there are two sources. One
 * is public: a guest sets CR4.VMXE before VMXON and cannot clear it before VMXOFF; on
 * AMD it sets EFER.SVME before VMRUN. The other, only while a limit needs them, are
 * hooks on VMXON and VMXOFF, the first VMRUN and the clearing of EFER.SVME.
 */
#include <linux/kvm_host.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "exit.h"
#include "nested.h"

static bool tracked;

static bool may_be_on(const struct kvm_vcpu *vcpu)
{
	/* The vCPU may be running, and KVM writes both without WRITE_ONCE(). */
	unsigned long cr4 = data_race(READ_ONCE(vcpu->arch.cr4));
	u64 efer = data_race(READ_ONCE(vcpu->arch.efer)); /* likewise */

	return cr4 & X86_CR4_VMXE || efer & EFER_SVME;
}

static bool in_l3(const struct kvm_vcpu *vcpu)
{
	/* Likewise. */
	return data_race(READ_ONCE(vcpu->arch.hflags)) & HF_GUEST_MASK;
}

/**
 * l1t_nested_name() - a vCPU's use of VMX or SVM, as one word
 * @nested: the use
 *
 * Return: the word.
 */
const char *l1t_nested_name(enum l1t_nested nested)
{
	static const char * const names[] = {
		[L1T_NESTED_OFF] = "off",
		[L1T_NESTED_ON] = "on",
		[L1T_NESTED_RUNNING] = "running",
	};

	return names[nested];
}

static enum l1t_nested nested_of(const struct l1t_vcpu *v)
{
	lockdep_assert_held(&l1t_lock);
	if (!v->vcpu)
		return L1T_NESTED_OFF;
	if (in_l3(v->vcpu))
		return L1T_NESTED_RUNNING;
	if (tracked ? v->nested : may_be_on(v->vcpu))
		return L1T_NESTED_ON;
	return L1T_NESTED_OFF;
}

/**
 * l1t_vcpu_nested() - does a vCPU use VMX or SVM itself
 * @v: alive or dead
 *
 * Return: running if it is in L3 or handles an exit of L3, on if VMX or SVM may be on.
 */
enum l1t_nested l1t_vcpu_nested(const struct l1t_vcpu *v)
{
	enum l1t_nested nested;

	raw_spin_lock(&l1t_lock);
	nested = nested_of(v);
	raw_spin_unlock(&l1t_lock);
	return nested;
}

/**
 * l1t_guest_nested() - does a guest use VMX or SVM itself
 * @g: alive or dead
 *
 * Context: may sleep. Takes l1t_lock for one vCPU at a time, of which a VMM may have
 * thousands.
 * Return: the highest of its vCPUs', see l1t_vcpu_nested().
 */
enum l1t_nested l1t_guest_nested(struct l1t_guest *g)
{
	enum l1t_nested most = L1T_NESTED_OFF;
	struct l1t_vcpu *v;

	list_for_each_entry_rcu(v, &g->vcpus, link, true)
		most = max(most, l1t_vcpu_nested(v));
	return most;
}

/**
 * l1t_nested_is_tracked() - do the hooks count guests that use VMX or SVM, in ledgers
 *
 * Return: true while the hooks are attached.
 */
bool l1t_nested_is_tracked(void)
{
	return READ_ONCE(tracked);
}

/*
 * A guest counts as using VMX or SVM while any of its vCPUs does, or may begin to in
 * the ioctl or exit that its thread is in. The place that a thread has asked for is given
 * back before another thread can use the vCPU: that one asks for itself.
 */
static void change(struct l1t_vcpu *v, bool on, bool asked)
{
	bool before = v->nested || v->nested_asked, after = on || asked;
	struct l1t_guest *g = v->guest;

	lockdep_assert_held(&l1t_lock);
	WRITE_ONCE(v->nested, on);
	v->nested_asked = asked;
	if (!before && after && !g->nested_holds++)
		l1t_guest_use(g, L1T_USED_NESTED_VMS, 1);
	if (before && !after && !--g->nested_holds)
		l1t_guest_use(g, L1T_USED_NESTED_VMS, -1);
}

/**
 * l1t_nested_set() - a vCPU begins to use VMX or SVM, or stops
 * @v: the vCPU
 * @on: true if it begins; may be called twice with the same value
 *
 * Context: l1t_lock held.
 */
void l1t_nested_set(struct l1t_vcpu *v, bool on)
{
	change(v, on, v->nested_asked);
}

/**
 * l1t_nested_ask() - a vCPU may begin to use VMX or SVM
 * @v: the vCPU; the current thread runs it or sets its state
 *
 * It keeps its place until the thread leaves the ioctl or enters the guest, even if KVM
 * ends an earlier use in between.
 *
 * Context: l1t_lock held; l1t_nested_queue() follows.
 */
void l1t_nested_ask(struct l1t_vcpu *v)
{
	change(v, v->nested, true);
}

static void asked_enough(struct l1t_work *work, bool cancelled)
{
	struct l1t_vcpu *v = container_of(work, struct l1t_vcpu, nested_end);

	raw_spin_lock(&l1t_lock);
	change(v, v->nested, false);
	l1t_work_done(work);
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_nested_queue() - have the current thread give back a place that it does not use
 * @v: see l1t_nested_ask()
 *
 * Context: the vCPU's mutex is held, and l1t_lock is not; does not sleep.
 */
void l1t_nested_queue(struct l1t_vcpu *v)
{
	int err = l1t_work_queue_within_ioctl(&v->nested_end);

	if (!err || err == -EBUSY)
		return;
	raw_spin_lock(&l1t_lock);
	change(v, v->nested, false);
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_nested_forget() - a vCPU is being destroyed
 * @v: in the registry
 *
 * Context: l1t_lock held.
 */
void l1t_nested_forget(struct l1t_vcpu *v)
{
	change(v, false, false);
}

/**
 * l1t_nested_vcpu() - a vCPU has been added to the registry
 * @v: in the registry
 *
 * Context: l1t_lock held.
 */
void l1t_nested_vcpu(struct l1t_vcpu *v)
{
	l1t_work_init(&v->nested_end, &v->guest->dev, asked_enough);
	if (tracked)
		l1t_nested_set(v, may_be_on(v->vcpu));
}

static u64 unadmitted;

/**
 * l1t_nested_unadmitted() - how often a vCPU was found in L3 without a place
 *
 * If not 0, there is a way into L3 that no hook covers.
 *
 * Return: the number since load.
 */
u64 l1t_nested_unadmitted(void)
{
	return READ_ONCE(unadmitted);
}

/* Context: see l1t_exit_l3_entered. */
static void l3_entered(struct l1t_account *acct)
{
	struct l1t_vcpu *v = container_of(acct, struct l1t_vcpu, acct);

	if (likely(READ_ONCE(v->nested)))
		return;
	raw_spin_lock(&l1t_lock);
	if (tracked && v->vcpu && !v->nested) {
		l1t_nested_set(v, true);
		WRITE_ONCE(unadmitted, unadmitted + 1);
	}
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_nested_track() - start or stop tracking by hooks which vCPUs use VMX or SVM
 * @on: true to start
 *
 * What happened before is judged by CR4 and EFER.
 *
 * Context: may sleep; the hooks are attached, or have just been released.
 */
void l1t_nested_track(bool on)
{
	struct l1t_guest *g;
	struct l1t_vcpu *v;

	l1t_work_leave_needed(on);
	raw_spin_lock(&l1t_lock);
	WRITE_ONCE(tracked, on);
	WRITE_ONCE(l1t_exit_l3_entered, on ? l3_entered : NULL);
	list_for_each_entry(g, &l1t_guests, link)
		list_for_each_entry(v, &g->vcpus, link)
			if (v->vcpu)
				change(v, on && may_be_on(v->vcpu),
				       on && v->nested_asked);
	raw_spin_unlock(&l1t_lock);
}
