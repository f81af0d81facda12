// SPDX-License-Identifier: GPL-2.0
/*
 * Tuning: makes choices that KVM leaves to the VMM, for VMMs that do not make them.
 *
 * How long a vCPU polls before it sleeps can be changed at any time, so each guest has
 * its own value as well, and the previous one is restored when the module is unloaded.
 * Which instructions exit is set in the VMCS or VMCB when a vCPU is created: it is
 * decided once, when the first vCPU is requested, and cannot be undone.
 *
 * All of it is in members of struct kvm that KVM reads without a lock, or while it
 * creates a vCPU. They are written under l1t_lock, which keeps the VM from being freed.
 */
#include <linux/cred.h>
#include <linux/uidgid.h>
#include <asm/cpufeature.h>

#include "compat.h"
#include "guest.h"
#include "hook.h"
#include "tune.h"

static u64 values[L1T_TUNABLES] = {
	[0 ... L1T_TUNABLES - 1] = L1T_TUNE_DEFAULT
};

/**
 * l1t_tune_value() - the setting for future guests
 * @tunable: which
 *
 * Return: a number or L1T_TUNE_DEFAULT.
 */
u64 l1t_tune_value(enum l1t_tunable tunable)
{
	return READ_ONCE(values[tunable]);
}

/*
 * Never on CPUs where an HLT that does not exit lets the sibling's guest control return
 * predictions; KVM itself allows it there by a parameter. Nor where a VM of any type may
 * become one with protected state (KVM_SEV_INIT), because in some kernels no member of struct
 * kvm shows it.
 */
static bool hlt_in_guest_possible(void)
{
	return !l1t_cpu_has_smt_rsb() && !boot_cpu_has(X86_FEATURE_SEV);
}

/**
 * l1t_tune_set() - set the value for future guests
 * @tunable: which
 * @value: a number in its range, or L1T_TUNE_DEFAULT
 *
 * A guest that does not exit for HLT keeps its CPUs busy: hlt_in_guest is only for the
 * guests of a user that is set, and is reset when none is set any more.
 *
 * Return: 0, -EOPNOTSUPP if this machine does not support it, or -EINVAL for
 * hlt_in_guest while no user is set.
 */
int l1t_tune_set(enum l1t_tunable tunable, u64 value)
{
	int err = 0;

	if (value != L1T_TUNE_DEFAULT) {
		if (l1t_hook_state(L1T_HOOK_TUNE) == L1T_HOOK_UNAVAILABLE)
			return -EOPNOTSUPP;
		if (tunable == L1T_TUNE_HLT_IN_GUEST && !hlt_in_guest_possible())
			return -EOPNOTSUPP;
	}
	raw_spin_lock(&l1t_lock);
	if (value == L1T_TUNE_DEFAULT && tunable == L1T_TUNE_UID)
		WRITE_ONCE(values[L1T_TUNE_HLT_IN_GUEST], L1T_TUNE_DEFAULT);
	if (value != L1T_TUNE_DEFAULT && tunable == L1T_TUNE_HLT_IN_GUEST &&
	    values[L1T_TUNE_UID] == L1T_TUNE_DEFAULT)
		err = -EINVAL;
	else
		WRITE_ONCE(values[tunable], value);
	raw_spin_unlock(&l1t_lock);
	return err;
}

/* False if the VMM has set another value since. */
static bool polls_as_set(const struct l1t_guest *g)
{
	return g->tune.polls && l1t_halt_poll_ns(g->kvm) == g->tune.poll_ns;
}

/*
 * Lowers the present polling time of vCPUs to the new bound, which KVM does itself only
 * since 5.17. A vCPU may be changing it at the same time; it then continues from the
 * old value, once.
 */
static void cut_vcpus(struct l1t_guest *g, u32 ns)
{
	struct l1t_vcpu *v;

	list_for_each_entry(v, &g->vcpus, link) {
		if (!v->vcpu)
			continue;
		/* KVM accesses it without READ_ONCE() and WRITE_ONCE(). */
		if (data_race(v->vcpu->halt_poll_ns) > ns)
			data_race(v->vcpu->halt_poll_ns = ns); /* likewise */
	}
}

static void set_poll_ns(struct l1t_guest *g, u32 ns)
{
	if (!polls_as_set(g)) {
		g->tune.overrode = l1t_halt_poll_overridden(g->kvm);
		g->tune.poll_ns_before = l1t_halt_poll_ns(g->kvm);
	}
	l1t_halt_poll_set(g->kvm, true, ns);
	cut_vcpus(g, ns);
	g->tune.poll_ns = ns;
	g->tune.polls = true;
}

static bool is_meant(const struct l1t_guest *g)
{
	u64 uid = values[L1T_TUNE_UID];

	/* If the guest is older than the module, its user is not certain. */
	if (g->adopted)
		return false;
	return uid == L1T_TUNE_DEFAULT ||
	       from_kuid(&init_user_ns, g->cred->uid) == uid;
}

/**
 * l1t_tune_new() - apply settings, before the first vCPU is created
 * @g: alive
 *
 * Context: l1t_lock held, in a hook; from 6.0 on KVM holds the VM's lock.
 */
void l1t_tune_new(struct l1t_guest *g)
{
	lockdep_assert_held(&l1t_lock);
	if (g->tune.decided)
		return;
	g->tune.decided = true;
	if (!is_meant(g))
		return;
	if (values[L1T_TUNE_HALT_POLL_NS] != L1T_TUNE_DEFAULT &&
	    !l1t_halt_poll_overridden(g->kvm))
		set_poll_ns(g, values[L1T_TUNE_HALT_POLL_NS]);
	if (!l1t_vm_is_plain(g->kvm))
		return;
	if (values[L1T_TUNE_PAUSE_IN_GUEST] != L1T_TUNE_DEFAULT)
		l1t_pause_in_guest(g->kvm);
	if (values[L1T_TUNE_HLT_IN_GUEST] != L1T_TUNE_DEFAULT)
		l1t_hlt_in_guest(g->kvm);
}

/**
 * l1t_tune_guest_poll_ns() - the halt polling time that was set for a guest
 * @g: alive or dead
 *
 * Return: a number or L1T_TUNE_DEFAULT.
 */
u64 l1t_tune_guest_poll_ns(struct l1t_guest *g)
{
	u64 ns = L1T_TUNE_DEFAULT;

	raw_spin_lock(&l1t_lock);
	if (g->kvm && polls_as_set(g))
		ns = g->tune.poll_ns;
	raw_spin_unlock(&l1t_lock);
	return ns;
}

/**
 * l1t_tune_guest_set_poll_ns() - set a guest's halt polling
 * @g: alive or dead
 * @value: a number of 32 bits, or L1T_TUNE_DEFAULT
 *
 * Return: 0, or -ENODEV if its VM is gone.
 */
int l1t_tune_guest_set_poll_ns(struct l1t_guest *g, u64 value)
{
	int err = 0;

	raw_spin_lock(&l1t_lock);
	if (!g->kvm)
		err = -ENODEV;
	else if (value == L1T_TUNE_DEFAULT)
		l1t_tune_release(g);
	else
		set_poll_ns(g, value);
	raw_spin_unlock(&l1t_lock);
	return err;
}

/**
 * l1t_tune_release() - restore what can be restored
 * @g: its VM has not been freed yet
 *
 * Context: l1t_lock held.
 */
void l1t_tune_release(struct l1t_guest *g)
{
	lockdep_assert_held(&l1t_lock);
	if (polls_as_set(g)) {
		l1t_halt_poll_set(g->kvm, g->tune.overrode,
				  g->tune.poll_ns_before);
		cut_vcpus(g, g->tune.poll_ns_before);
	}
	g->tune.polls = false;
}
