// SPDX-License-Identifier: GPL-2.0
/*
 * How guests and vCPUs come and go.
 *
 * KVM's hooks say which VM, which vCPU, which memory slot, and that is all that
 * is looked at: no list of KVM's is walked, no lock of KVM's taken. The hooks
 * are atomic. A VM gets a block of the reserve at once; what has to be allocated
 * waits until the thread leaves the kernel or enters the guest (struct l1t_call):
 * a vCPU so has its block before its first entry, whichever thread runs it.
 *
 * What a thread may keep by sleeping in KVM is its own VM's: the VM's block, and
 * one of its calls. While the reserve is scarce, or very many VMs are being
 * created, a user may have no more than MOST_NEWBORN of them; others are met when
 * they get a vCPU or memory.
 *
 * Pointers to a VM are only safe to hold while its end is noticed, so the
 * registry is open only while both hooks on the end of VMs and vCPUs are there.
 */
#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "clock.h"
#include "device.h"
#include "life.h"
#include "memory.h"
#include "nested.h"
#include "throttle.h"
#include "tune.h"

#define MOST_NEWBORN		8
#define MOST_NEWBORN_OF_ALL	256

static bool open;

/* VMs that are older than the module have been looked for. */
static bool adopted;

/* No vCPU is looked for before then: there was no memory for one. */
static unsigned long no_memory_until = INITIAL_JIFFIES;

/* Many are being created, or the reserve is scarce: what is left is shared. */
static bool has_too_many_newborn(kuid_t uid)
{
	unsigned int n = 0, all = 0;
	const struct l1t_guest *g;

	list_for_each_entry(g, &l1t_newborn, newborn) {
		n += uid_eq(l1t_cred_outermost(g->cred), uid);
		all++;
	}
	return n >= MOST_NEWBORN &&
	       (all >= MOST_NEWBORN_OF_ALL || l1t_guest_reserve_is_scarce());
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
	/* It may change its name meanwhile, which then comes out mixed. */
	strscpy(g->comm, READ_ONCE(current->group_leader)->comm, sizeof(g->comm));
	rcu_read_unlock();
}

static void call_returns(struct l1t_work *work, bool cancelled);

/**
 * l1t_life_enter() - a guest enters the registry
 * @g: who and when are filled in
 * @kvm: its VM, being created or alive
 *
 * Context: l1t_lock held.
 */
void l1t_life_enter(struct l1t_guest *g, struct kvm *kvm)
{
	unsigned int i;

	for (i = 0; i < L1T_CALLS; i++)
		l1t_work_init(&g->calls[i].work, &g->dev, call_returns);
	l1t_throttle_init(&g->throttle);
	l1t_guest_join_tenants(g);
	l1t_guest_enter(g, kvm);
}

/**
 * l1t_life_meet() - the guest of a VM that the current thread is at
 * @kvm: alive
 * @born: it is being created
 *
 * A VM that is not known yet becomes so, with this thread for its creator: it is
 * being created, or was when there was no place for it.
 * l1t_life_queue() follows when the lock is dropped.
 *
 * Context: l1t_lock held. Return: the guest, or NULL if there is no place.
 */
struct l1t_guest *l1t_life_meet(struct kvm *kvm, bool born)
{
	struct l1t_guest *g = l1t_guest_find(kvm);
	struct l1t_call *call;

	if (g || !open || current->flags & PF_KTHREAD)
		return g;
	/* adopt.c will come across it. */
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
	call = l1t_call_get(g);
	call->creates_vm = true;
	return g;
}

/**
 * l1t_life_queue() - have the current thread do what is left when it returns
 * @g: the guest that it is in a call for, if it is in one; or NULL
 *
 * Context: l1t_lock not held; the VM's ioctl keeps @g.
 */
void l1t_life_queue(struct l1t_guest *g)
{
	struct l1t_call *call;
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
	/* The module is being unloaded: nothing is lost by it. */
	raw_spin_lock(&l1t_lock);
	l1t_call_release(call);
	call->used = false;
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_life_confirm() - a guest's VM has been created: it is shown and charged
 * @g: kept by the caller
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
		if (users && !g->users) {
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
	if (users && !charged)
		l1t_users_cancel(users);
	l1t_devices_update(true);
}

/**
 * l1t_life_add_vcpu() - a vCPU enters the registry
 * @v: from l1t_vcpu_alloc()
 * @vcpu: KVM's vCPU, alive and not in the registry
 *
 * Context: l1t_lock held.
 */
void l1t_life_add_vcpu(struct l1t_vcpu *v, struct kvm_vcpu *vcpu)
{
	l1t_vcpu_enter(v, vcpu);
	l1t_nested_vcpu(v);
	l1t_throttle_vcpu(v);
	l1t_device_changed(v->guest);
}

/* With the guest's start, if it boots on that vCPU. */
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
	/* Of a VM whose creator is not back yet. */
	if (!READ_ONCE(g->id))
		l1t_life_confirm(g);
	v = alloc_vcpu(call);
	if (!v) {
		WRITE_ONCE(no_memory_until, jiffies + HZ / 10);
		pr_warn_ratelimited("no memory for a vCPU of l2-%llu: its exits are not attributed until it enters KVM_RUN again\n",
				    g->id);
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
	l1t_call_release(call);
	drops_guest = call->drops_guest;
	call->drops_guest = false;
	call->creates_vm = false;
	call->used = false;
	l1t_work_done(work);
	raw_spin_unlock(&l1t_lock);
	/* The work itself holds it, too. */
	if (drops_guest)
		put_device(&g->dev);
}

static void vcpu_leaves(struct l1t_vcpu *v, bool readable)
{
	l1t_nested_forget(v);
	l1t_vcpu_leave(v, readable);
}

/* The call that is creating its VM, or NULL. */
static struct l1t_call *creating_call(struct l1t_guest *g)
{
	unsigned int i;

	for (i = 0; i < L1T_CALLS; i++)
		if (g->calls[i].used && g->calls[i].creates_vm)
			return &g->calls[i];
	return NULL;
}

/*
 * @readable: KVM's VM has not been freed yet. One that was refused, or failed, is
 * dropped by who asked for it: there may be more of these than a worker keeps up with.
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
	l1t_guest_leave(g);
	if (call)
		call->drops_guest = true;
	else
		l1t_device_changed(g);
}

static void new_vcpu(struct kvm_vcpu *vcpu)
{
	struct l1t_guest *g;
	struct l1t_call *call;

	raw_spin_lock(&l1t_lock);
	g = l1t_life_meet(vcpu->kvm, false);
	call = g ? l1t_call_get(g) : NULL;
	if (call) {
		call->boots = l1t_start_boots(vcpu);
		WRITE_ONCE(call->new_vcpu, vcpu);
	}
	raw_spin_unlock(&l1t_lock);
	if (call)
		l1t_life_queue(g);
}

/**
 * l1t_life_vcpu_runs() - a thread enters KVM_RUN with a vCPU that is not known
 * @vcpu: the vCPU; not loaded yet
 *
 * It was created by a thread that is not back yet, or before there was a place
 * or memory for it. Context: preemption off.
 */
void l1t_life_vcpu_runs(struct kvm_vcpu *vcpu)
{
	if (READ_ONCE(open) && time_after_eq(jiffies, READ_ONCE(no_memory_until)))
		new_vcpu(vcpu);
}

/* The hooks. */

/* The hook that was not called though it is attached; l1t_lock */
static enum l1t_hook silent;

static void distrust(struct work_struct *work)
{
	l1t_hook_result(silent, -ESTALE);
	l1t_life_close(false);
}

static DECLARE_WORK(distrust_work, distrust);

/* An end was missed, and so may others be: no guest is touched any more. */
static void distrust_hook(enum l1t_hook hook)
{
	lockdep_assert_held(&l1t_lock);
	if (!open)
		return;
	open = false;
	silent = hook;
	schedule_work(&distrust_work);
}

/*
 * kvm_arch_init_vm(kvm, type). Where this VM is known already, and not from
 * another hook on this very call, the end of another one was missed that had its
 * address.
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

/* KVM has destroyed the vCPUs before. */
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

/* kvm_arch_free_vm(kvm): once for every VM, however far it got */
static void vm_freed(struct pt_regs *regs)
{
	vm_ends(l1t_argument(regs, 0));
}

/*
 * cleanup_srcu_struct(&kvm->srcu): right before kvm_arch_free_vm(). Those that are
 * no VM's are at no address that the registry has.
 */
static void srcu_cleaned(struct pt_regs *regs)
{
	vm_ends(container_of(l1t_argument(regs, 0), struct kvm, srcu));
}

/* kvm_arch_vcpu_precreate(kvm, id): nothing of the vCPU is there yet */
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
	if (READ_ONCE(open))
		new_vcpu(l1t_argument(regs, 0));
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
	u64 added, removed, bytes;
	struct l1t_guest *g;
	struct l1t_call *call;

	l1t_commit_args(regs, &change);
	/* A VM on its way out drops its internal slots. */
	if (change.change == KVM_MR_FLAGS_ONLY ||
	    !refcount_read(&change.kvm->users_count))
		return;
	added = l1t_memory_added_bytes(&change);
	removed = l1t_memory_removed_bytes(&change);
	if (!added && !removed)
		return;

	raw_spin_lock(&l1t_lock);
	g = l1t_life_meet(change.kvm, false);
	if (g) {
		bytes = g->memory_bytes + added;
		bytes -= min(bytes, removed);
		if (!g->memory_ticks)
			WRITE_ONCE(g->memory_ticks, l1t_ticks());
		WRITE_ONCE(g->memory_bytes, bytes);
		l1t_guest_had_memory(g, bytes);
		call = l1t_call_of_current(g);
		if (call)
			l1t_call_ask_memory(call, 0);
	}
	raw_spin_unlock(&l1t_lock);
	l1t_life_queue(g);
}

/* Then kvm_arch_free_vm() is put into its callers: it is a few instructions. */
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
 * l1t_life_open() - the hooks are attached: guests may enter the registry
 *
 * Nothing happens unless both hooks on the end of VMs and vCPUs are there.
 */
void l1t_life_open(void)
{
	if (l1t_hook_state(L1T_HOOK_VM_FREE) != L1T_HOOK_OK ||
	    l1t_hook_state(L1T_HOOK_VCPU_DESTROY) != L1T_HOOK_OK)
		return;
	raw_spin_lock(&l1t_lock);
	open = true;
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_life_adopted() - what is older than the module is in the registry
 *
 * What is not then is met when it gets a vCPU or memory.
 */
void l1t_life_adopted(void)
{
	raw_spin_lock(&l1t_lock);
	adopted = true;
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_life_is_open() - is the end of VMs noticed, so that guests may be known
 */
bool l1t_life_is_open(void)
{
	return READ_ONCE(open);
}

/**
 * l1t_life_close() - let go of all guests, whose VMs may live on
 * @readable: none of them has been freed unnoticed
 *
 * Context: may sleep; if they are @readable, no probe or hook writes to an
 * account any more.
 */
void l1t_life_close(bool readable)
{
	struct l1t_guest *g, *next;

	raw_spin_lock(&l1t_lock);
	open = false;
	adopted = false;
	list_for_each_entry(g, &l1t_guests, link)
		if (g->kvm)
			guest_leaves(g, readable);
	list_for_each_entry_safe(g, next, &l1t_newborn, newborn)
		guest_leaves(g, readable);
	raw_spin_unlock(&l1t_lock);
	l1t_devices_update(false);
}

/**
 * l1t_life_exit() - the registry stays closed
 *
 * Context: no hook is attached. May sleep.
 */
void l1t_life_exit(void)
{
	cancel_work_sync(&distrust_work);
}
