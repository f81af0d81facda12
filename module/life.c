// SPDX-License-Identifier: GPL-2.0
/*
 * Adds VMs and vCPUs to the registry as KVM creates them, and removes them when they end.
 *
 * The arguments of hooks on KVM identify the VM, vCPU or memory slot. Nothing else is
 * looked at: no list of KVM's is walked, and no lock of KVM's is taken. The hooks are
 * atomic. A VM gets a block from the reserve at once; what has to be allocated waits
 * until the thread returns to user space or enters the guest (struct l1t_call). So a
 * vCPU has its block before its first entry, whichever thread runs it.
 *
 * A thread that sleeps in KVM holds only what belongs to its own VM: the VM's block, and
 * one of its calls. While the reserve is scarce, or very many VMs are being created, a
 * user may have at most MOST_NEWBORN of them; further VMs enter the registry when they
 * get a vCPU or memory. The memory that they have then is KVM's count.
 *
 * Pointers to a VM may be held only while its end is observed, so the registry is open
 * only while the hooks on the end of VMs and of vCPUs are both attached.
 */
#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "attach.h"
#include "call.h"
#include "clock.h"
#include "device.h"
#include "exit.h"
#include "find.h"
#include "life.h"
#include "memory.h"
#include "nested.h"
#include "slots.h"
#include "throttle.h"
#include "tune.h"

#define MOST_NEWBORN		8
#define MANY_NEWBORN		256
#define MOST_NEWBORN_OF_ALL	1024

/* VMs that are older than the module are in the registry. */
static bool adopted;

/*
 * While the reserve is scarce, or very many VMs are being created, a user may have at most
 * MOST_NEWBORN of them. While many are, this applies to users who have a quarter of them.
 */
static bool has_too_many_newborn(kuid_t uid)
{
	unsigned int n = 0, all = 0;
	const struct l1t_guest *g;

	list_for_each_entry(g, &l1t_newborn, newborn) {
		n += uid_eq(l1t_cred_outermost(g->cred), uid);
		all++;
	}
	return n >= MOST_NEWBORN &&
	       (l1t_guest_reserve_is_scarce() || all >= MOST_NEWBORN_OF_ALL ||
		(all >= MANY_NEWBORN && n >= all / 4));
}

static void identify(struct l1t_guest *g)
{
	g->created_ns = ktime_get_boottime_ns();
	g->created_ticks = l1t_ticks();
	g->cred = get_current_cred();
	g->creator = current;
	g->pid = task_tgid_nr(current);
	l1t_cgroup_path(current, g->cgroup);
	rcu_read_lock();
	/* The name may change meanwhile, and be a mix of old and new. */
	strscpy(g->comm, READ_ONCE(current->group_leader)->comm, sizeof(g->comm));
	rcu_read_unlock();
}

static void call_returns(struct l1t_work *work, bool cancelled);

/**
 * l1t_life_enter() - add a guest to the registry
 * @g: the members about its creator and creation are set
 * @kvm: its VM, being created or alive
 *
 * Context: l1t_lock held.
 */
void l1t_life_enter(struct l1t_guest *g, struct kvm *kvm)
{
	unsigned int i;

	for (i = 0; i < L1T_CALLS; i++)
		l1t_work_init(&g->calls[i].work, &g->dev, call_returns);
	g->no_memory_until = jiffies;
	l1t_throttle_init(&g->throttle);
	l1t_guest_join_tenants(g);
	l1t_guest_enter(g, kvm);
}

/**
 * l1t_life_meet() - find or add the guest of a VM for which the current thread acts
 * @kvm: alive
 * @born: it is being created
 *
 * A VM that is not known is added, with this thread as its creator: either it is being
 * created, or there was no block for it when it was. The caller calls l1t_life_queue()
 * after it drops the lock.
 *
 * Context: l1t_lock held.
 * Return: the guest, or NULL if there is no block.
 */
struct l1t_guest *l1t_life_meet(struct kvm *kvm, bool born)
{
	struct l1t_guest *g = l1t_guest_find(kvm);
	struct l1t_call *call;

	if (g || !l1t_registry_open || current->flags & PF_KTHREAD)
		return g;
	/* adopt.c will find it. */
	if (!born && !adopted)
		return NULL;
	if (has_too_many_newborn(l1t_cred_outermost(current_cred())))
		return NULL;
	g = l1t_guest_take_reserved();
	if (!g)
		return NULL;
	identify(g);
	g->is_born = born;
	l1t_life_enter(g, kvm);
	if (!born)
		l1t_slots_count(g, kvm);
	call = l1t_call_get(g);
	call->creates_vm = true;
	return g;
}

/* Returns whether the registry's reference to the guest is now the caller's. */
static bool end_call(struct l1t_call *call)
{
	const struct kvm_vcpu *vcpu = call->new_vcpu;
	bool drops_guest = call->drops_guest;

	lockdep_assert_held(&l1t_lock);
	l1t_call_release(call);
	if (vcpu && !l1t_vcpu_find(vcpu))
		l1t_vcpu_reserve(call->guest, vcpu);
	call->drops_guest = false;
	call->creates_vm = false;
	call->used = false;
	return drops_guest;
}

/**
 * l1t_life_queue() - have the current thread do the rest when its ioctl returns
 * @g: the guest of the call that it is in, if it is in one; or NULL
 *
 * Context: l1t_lock not held; the VM's ioctl keeps @g alive.
 */
void l1t_life_queue(struct l1t_guest *g)
{
	struct l1t_call *call;
	bool drops_guest;
	int err;

	if (!g)
		return;
	raw_spin_lock(&l1t_lock);
	call = l1t_call_of_current(g);
	raw_spin_unlock(&l1t_lock);
	if (!call)
		return;
	err = l1t_work_queue(&call->work);
	if (!err || err == -EBUSY)
		return;
	/* The module is being unloaded: the rest is not needed any more. */
	raw_spin_lock(&l1t_lock);
	drops_guest = end_call(call);
	if (drops_guest)
		l1t_device_changed(g);
	raw_spin_unlock(&l1t_lock);
	/* It may be the last reference, so a worker drops it. */
	if (drops_guest)
		l1t_devices_update(false);
}

/**
 * l1t_life_confirm() - a guest's VM has been created: show it and charge its users
 * @g: the caller has a reference
 *
 * Context: may sleep.
 */
void l1t_life_confirm(struct l1t_guest *g)
{
	struct l1t_users *users = l1t_users_alloc(g->cred);
	HLIST_HEAD(unused);
	bool charged = false;

	l1t_tenants_reserve();
	raw_spin_lock(&l1t_lock);
	if (g->kvm) {
		if (g->places.lacking)
			l1t_guest_join_tenants(g);
		if (!g->users) {
			l1t_users_charge(users, &unused);
			g->users = users;
			list_del_init(&g->newborn);
			charged = true;
		}
		if (!g->id) {
			l1t_guest_confirm(g);
			l1t_device_changed(g);
		}
	}
	raw_spin_unlock(&l1t_lock);
	l1t_users_free_unused(&unused);
	if (!charged)
		l1t_users_cancel(users);
	l1t_devices_update(true);
}

/**
 * l1t_life_add_vcpu() - add a vCPU to the registry
 * @v: from l1t_vcpu_alloc()
 * @vcpu: KVM's vCPU, alive and not in the registry
 *
 * Context: l1t_lock held.
 */
void l1t_life_add_vcpu(struct l1t_vcpu *v, struct kvm_vcpu *vcpu)
{
	l1t_vcpu_enter(v, vcpu);
	l1t_vcpu_unreserve(v->guest, vcpu);
	l1t_nested_vcpu(v);
	l1t_throttle_vcpu(v);
	l1t_device_changed(v->guest);
}

/* Includes the guest's start if this is the boot vCPU. */
static struct l1t_vcpu *alloc_vcpu(const struct l1t_call *call)
{
	struct l1t_vcpu *v = l1t_vcpu_alloc(call->guest);

	if (!v || !call->boots || !call->guest->is_born)
		return v;
	v->start = l1t_start_alloc();
	if (v->start)
		return v;
	l1t_vcpu_free(v);
	return NULL;
}

static void add_new_vcpu(struct l1t_call *call)
{
	struct l1t_guest *g = call->guest;
	struct l1t_vcpu *v;

	if (!READ_ONCE(call->new_vcpu))
		return;
	/* The thread that created the VM may not have returned yet. */
	if (!READ_ONCE(g->id))
		l1t_life_confirm(g);
	v = alloc_vcpu(call);
	if (!v) {
		WRITE_ONCE(g->no_memory_until, jiffies + HZ / 10);
		pr_warn_ratelimited("no memory for a vCPU of l2-%llu: its exits are not attributed until it enters KVM_RUN again\n",
				    g->id);
		l1t_exit_unknown_leaves();
		return;
	}
	raw_spin_lock(&l1t_lock);
	if (call->new_vcpu && !l1t_vcpu_find(call->new_vcpu)) {
		l1t_life_add_vcpu(v, call->new_vcpu);
		v = NULL;
	}
	raw_spin_unlock(&l1t_lock);
	if (v)
		l1t_vcpu_free(v);
	l1t_devices_update(true);
}

static void call_returns(struct l1t_work *work, bool cancelled)
{
	struct l1t_call *call = container_of(work, struct l1t_call, work);
	struct l1t_guest *g = call->guest;
	bool drops_guest;

	if (!cancelled) {
		if (call->creates_vm) {
			l1t_life_confirm(call->guest);
			l1t_guest_reserve();
		}
		add_new_vcpu(call);
	}
	raw_spin_lock(&l1t_lock);
	drops_guest = end_call(call);
	l1t_work_done(work);
	raw_spin_unlock(&l1t_lock);
	/* The work has a reference of its own, so this is not the last. */
	if (drops_guest)
		put_device(&g->dev);
}

static void vcpu_leaves(struct l1t_vcpu *v, bool readable)
{
	l1t_nested_forget(v);
	l1t_vcpu_leave(v, readable);
}

/* The call that is creating the guest's VM, or NULL. */
static struct l1t_call *creating_call(struct l1t_guest *g)
{
	unsigned int i;

	for (i = 0; i < L1T_CALLS; i++)
		if (g->calls[i].used && g->calls[i].creates_vm)
			return &g->calls[i];
	return NULL;
}

/*
 * @readable: KVM's VM has not been freed yet. A VM that was refused, or failed, is dropped
 * by the thread that asked for it: there may be more than a worker could keep up with.
 */
static void guest_leaves(struct l1t_guest *g, bool readable)
{
	struct l1t_call *call = g->id ? NULL : creating_call(g);
	struct l1t_vcpu *v;

	if (readable)
		l1t_tune_release(g);
	list_for_each_entry(v, &g->vcpus, link)
		if (v->vcpu)
			vcpu_leaves(v, readable);
	l1t_calls_release(g);
	l1t_guest_leave(g);
	if (call)
		call->drops_guest = true;
	else
		l1t_device_changed(g);
}

/*
 * The vCPU has no block. It is reserved once, whoever awaits its block: by the call that
 * creates it until vcpu_created() is called for it, and by the guest from then on.
 */
static void reserve_created(struct l1t_guest *g, struct kvm_vcpu *vcpu, bool runs)
{
	if (!runs || !l1t_call_asks_vcpu(g))
		l1t_vcpu_reserve(g, vcpu);
}

/*
 * Context: l1t_lock held. Returns the current thread's call, which will add the vCPU; or
 * NULL if it has been added, or there is no call for it. @runs: the thread is not the one
 * that creates it.
 */
static struct l1t_call *await_vcpu(struct l1t_guest *g, struct kvm_vcpu *vcpu, bool runs)
{
	struct l1t_call *call = l1t_call_of_current(g);

	if (call && !runs)
		l1t_call_release_vcpu(call);
	/* Another thread was the first to run it. */
	if (l1t_vcpu_find(vcpu))
		return NULL;
	reserve_created(g, vcpu, runs);
	if (!runs || time_after_eq(jiffies, g->no_memory_until))
		call = l1t_call_get(g);
	if (call) {
		call->boots = l1t_start_boots(vcpu);
		WRITE_ONCE(call->new_vcpu, vcpu);
	}
	return call;
}

/*
 * Context: l1t_lock held. Returns whether the vCPU will have an account before it enters
 * the guest, or does not need one. @runs: it is about to; else it has been created.
 */
static bool new_vcpu(struct kvm_vcpu *vcpu, bool runs)
{
	struct l1t_guest *g;
	struct l1t_call *call = NULL;
	bool known;

	raw_spin_lock(&l1t_lock);
	g = l1t_life_meet(vcpu->kvm, false);
	if (g)
		call = await_vcpu(g, vcpu, runs);
	known = call || !adopted || l1t_vcpu_find(vcpu);
	raw_spin_unlock(&l1t_lock);
	if (call)
		l1t_life_queue(g);
	return known;
}

/**
 * l1t_life_vcpu_runs() - a thread enters KVM_RUN with a vCPU that has no account
 * @vcpu: the vCPU; not loaded yet
 *
 * The thread that created it has not returned yet, or there was no block or no memory for
 * it.
 *
 * Context: preemption disabled.
 * Return: false if it will enter the guest without an account, though the registry is open.
 */
bool l1t_life_vcpu_runs(struct kvm_vcpu *vcpu)
{
	return !READ_ONCE(l1t_registry_open) || new_vcpu(vcpu, true);
}

/* The hooks. */

/* The hook that was not called though it was attached; l1t_lock */
static enum l1t_hook silent;

static void distrust(struct work_struct *work)
{
	l1t_hook_result(silent, -ESTALE);
	l1t_life_close(false);
	l1t_attach_update();
}

static DECLARE_WORK(distrust_work, distrust);

/* The end of a VM or vCPU was missed: stop accessing any guest. */
static void distrust_hook(enum l1t_hook hook)
{
	lockdep_assert_held(&l1t_lock);
	if (!l1t_registry_open)
		return;
	l1t_registry_open = false;
	silent = hook;
	schedule_work(&distrust_work);
}

/*
 * kvm_arch_init_vm(kvm, type). If the registry has this VM, and not because of another
 * hook on this very call, the end of a previous VM at the same address was missed.
 */
static void vm_created(struct pt_regs *regs)
{
	struct kvm *kvm = l1t_argument(regs, 0);
	struct l1t_guest *g;

	raw_spin_lock(&l1t_lock);
	g = l1t_guest_find(kvm);
	if (g && (g->id || g->creator != current)) {
		distrust_hook(L1T_HOOK_VM_FREE);
		g = NULL;
	} else {
		g = l1t_life_meet(kvm, true);
	}
	raw_spin_unlock(&l1t_lock);
	l1t_life_queue(g);
}

static bool has_vcpu(const struct l1t_guest *g)
{
	const struct l1t_vcpu *v;

	list_for_each_entry(v, &g->vcpus, link)
		if (v->vcpu)
			return true;
	return false;
}

/* By now KVM has destroyed the vCPUs. */
static void vm_ends(const struct kvm *kvm)
{
	struct l1t_guest *g;
	bool missed;

	raw_spin_lock(&l1t_lock);
	g = l1t_guest_find(kvm);
	missed = g && has_vcpu(g);
	if (missed)
		distrust_hook(L1T_HOOK_VCPU_DESTROY);
	if (g)
		guest_leaves(g, !missed);
	raw_spin_unlock(&l1t_lock);
	if (g)
		l1t_devices_update(false);
}

/* kvm_arch_free_vm(kvm): called once for every VM, even if its creation failed */
static void vm_freed(struct pt_regs *regs)
{
	vm_ends(l1t_argument(regs, 0));
}

/*
 * cleanup_srcu_struct(&kvm->srcu): called right before kvm_arch_free_vm(). For any other
 * struct srcu_struct the registry has no VM at that address.
 */
static void srcu_cleaned(struct pt_regs *regs)
{
	vm_ends(container_of(l1t_argument(regs, 0), struct kvm, srcu));
}

/* kvm_arch_vcpu_precreate(kvm, id): the vCPU does not exist yet */
static void vcpu_asked_for(struct pt_regs *regs)
{
	struct l1t_guest *g;

	raw_spin_lock(&l1t_lock);
	g = l1t_life_meet(l1t_argument(regs, 0), false);
	if (g)
		l1t_tune_new(g);
	raw_spin_unlock(&l1t_lock);
	l1t_life_queue(g);
}

/* kvm_arch_vcpu_postcreate(vcpu): creation has succeeded */
static void vcpu_created(struct pt_regs *regs)
{
	if (READ_ONCE(l1t_registry_open))
		new_vcpu(l1t_argument(regs, 0), false);
}

/* kvm_arch_vcpu_destroy(vcpu) */
static void vcpu_destroyed(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = l1t_argument(regs, 0);
	struct l1t_guest *g;
	struct l1t_vcpu *v;
	unsigned int i;

	raw_spin_lock(&l1t_lock);
	v = l1t_vcpu_find(vcpu);
	if (v)
		vcpu_leaves(v, true);
	g = l1t_guest_find(vcpu->kvm);
	for (i = 0; g && i < L1T_CALLS; i++)
		if (g->calls[i].new_vcpu == vcpu)
			g->calls[i].new_vcpu = NULL;
	raw_spin_unlock(&l1t_lock);
}

/* kvm_arch_commit_memory_region(kvm, ...): a slot has changed */
static void memory_changed(struct pt_regs *regs)
{
	struct l1t_slot_change change;
	struct l1t_guest *g;
	u64 added, removed;
	struct l1t_call *call;

	l1t_commit_args(regs, &change);
	/* A VM that is being destroyed drops its internal slots. */
	if (change.change == KVM_MR_FLAGS_ONLY ||
	    !refcount_read(&change.kvm->users_count))
		return;
	if (!l1t_is_user_slot(change.new) && !l1t_is_user_slot(change.old))
		return;
	added = l1t_memory_added_bytes(&change);
	removed = l1t_memory_removed_bytes(&change);

	raw_spin_lock(&l1t_lock);
	g = l1t_life_meet(change.kvm, false);
	if (g) {
		if (!g->memory_ticks)
			WRITE_ONCE(g->memory_ticks, l1t_ticks());
		l1t_slots_changed(g, &change, added, removed);
		call = l1t_call_of_current(g);
		if (call)
			l1t_call_ask_memory(call, 0);
	}
	raw_spin_unlock(&l1t_lock);
	l1t_life_queue(g);
}

/* With LTO kvm_arch_free_vm(), a few instructions, is inlined into its callers. */
#define HAS_LTO		IS_ENABLED(CONFIG_LTO_CLANG)

static struct l1t_function functions[] = {
	{ L1T_HOOK_VM_FREE, HAS_LTO ? "cleanup_srcu_struct" : "kvm_arch_free_vm", NULL,
	  HAS_LTO ? srcu_cleaned : vm_freed, .is_of_kernel = HAS_LTO },
	{ L1T_HOOK_VCPU_DESTROY, "kvm_arch_vcpu_destroy", NULL, vcpu_destroyed },
	{ L1T_HOOK_VM_CREATE, "kvm_arch_init_vm", NULL, vm_created },
	{ L1T_HOOK_VCPU_CREATE, "kvm_arch_vcpu_postcreate", NULL, vcpu_created },
	{ L1T_HOOK_MEMORY, "kvm_arch_commit_memory_region", NULL, memory_changed },
	{ L1T_HOOK_TUNE, "kvm_arch_vcpu_precreate", NULL, vcpu_asked_for },
};

struct l1t_functions l1t_life_functions = L1T_OBSERVERS(functions);

/**
 * l1t_life_open() - the hooks are attached: open the registry
 *
 * Does nothing unless the hooks on the end of VMs and of vCPUs are both attached.
 */
void l1t_life_open(void)
{
	if (l1t_hook_state(L1T_HOOK_VM_FREE) != L1T_HOOK_OK ||
	    l1t_hook_state(L1T_HOOK_VCPU_DESTROY) != L1T_HOOK_OK)
		return;
	raw_spin_lock(&l1t_lock);
	l1t_registry_open = true;
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_life_adopted() - VMs that are older than the module have been added
 *
 * From now on a VM that is not known is added when it gets a vCPU or memory.
 *
 * Context: KVM's list is locked, unless they could not be added: whatever a VM that is
 * listed later gets is seen by hooks.
 */
void l1t_life_adopted(void)
{
	raw_spin_lock(&l1t_lock);
	adopted = true;
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_life_is_open() - is the end of VMs observed, so that the registry is open
 *
 * Return: true if it is open.
 */
bool l1t_life_is_open(void)
{
	return READ_ONCE(l1t_registry_open);
}

/**
 * l1t_life_close() - close the registry; all guests leave it, though their VMs may live
 * @readable: no VM in it has been freed
 *
 * Context: may sleep; if @readable, no probe or hook writes to an account any more.
 */
void l1t_life_close(bool readable)
{
	struct l1t_guest *g, *next;

	raw_spin_lock(&l1t_lock);
	l1t_registry_open = false;
	adopted = false;
	list_for_each_entry(g, &l1t_guests, link)
		if (g->kvm)
			guest_leaves(g, readable);
	list_for_each_entry_safe(g, next, &l1t_newborn, newborn) {
		g->unobserved = true;
		guest_leaves(g, readable);
	}
	raw_spin_unlock(&l1t_lock);
	l1t_devices_update(false);
}

/**
 * l1t_life_exit() - wait for pending work; the registry stays closed
 *
 * Context: no hook is attached. May sleep.
 */
void l1t_life_exit(void)
{
	cancel_work_sync(&distrust_work);
}
