// SPDX-License-Identifier: GPL-2.0
/*
 * Adds VMs that are older than the module to the registry. They may be paused and never
 * exit, so KVM's own list is searched once. The hooks are attached already, so no VM that
 * is created or destroyed meanwhile is missed.
 *
 * Nothing may be allocated while KVM's lock is held, because KVM's shrinker takes it,
 * too: the walk counts what it lacks, and is repeated.
 */
#include <linux/cred.h>
#include <linux/kvm_host.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/timekeeping.h>

#include "adopt.h"
#include "compat.h"
#include "device.h"
#include "life.h"
#include "memory.h"
#include "slots.h"

/**
 * struct stash - preallocated blocks
 * @guests: by their @link
 * @vcpus: likewise
 * @nobody: credentials for VMs without VMM
 * @missing_guests: how many more the walk needs
 * @missing_vcpus: likewise
 */
struct stash {
	struct list_head guests;
	struct list_head vcpus;
	const struct cred *nobody;
	unsigned int missing_guests;
	unsigned int missing_vcpus;
};

static struct l1t_guest *take_guest(struct stash *stash)
{
	struct l1t_guest *g;

	g = list_first_entry_or_null(&stash->guests, struct l1t_guest, link);
	if (g)
		list_del_init(&g->link);
	else
		stash->missing_guests++;
	return g;
}

static struct l1t_vcpu *take_vcpu(struct stash *stash, struct l1t_guest *g)
{
	struct l1t_vcpu *v;

	v = list_first_entry_or_null(&stash->vcpus, struct l1t_vcpu, link);
	if (v) {
		list_del(&v->link);
		v->guest = g;
	} else {
		stash->missing_vcpus++;
	}
	return v;
}

static int refill(struct stash *stash)
{
	for (; stash->missing_guests; stash->missing_guests--) {
		struct l1t_guest *g = l1t_guest_alloc();

		if (!g)
			return -ENOMEM;
		list_add(&g->link, &stash->guests);
	}
	for (; stash->missing_vcpus; stash->missing_vcpus--) {
		struct l1t_vcpu *v = l1t_vcpu_alloc(NULL);

		if (!v)
			return -ENOMEM;
		list_add(&v->link, &stash->vcpus);
	}
	return 0;
}

static void free_stash(struct stash *stash)
{
	struct l1t_guest *g, *next_g;
	struct l1t_vcpu *v, *next_v;

	list_for_each_entry_safe(g, next_g, &stash->guests, link) {
		list_del_init(&g->link);
		put_device(&g->dev);
	}
	list_for_each_entry_safe(v, next_v, &stash->vcpus, link)
		l1t_vcpu_free(v);
	put_cred(stash->nobody);
}

/*
 * A thread of the VM's VMM: the one that created it, unless that has exited and its PID is
 * of another process now. NULL if the VMM has exited, and others keep the VM; and if only
 * that thread has, and this kernel does not know the owner of a struct mm_struct.
 *
 * Context: RCU read section, in which the thread and its group leader stay.
 */
static struct task_struct *find_vmm(struct kvm *kvm)
{
	struct task_struct *task;

	task = pid_task(find_pid_ns(kvm->userspace_pid, &init_pid_ns),
			PIDTYPE_PID);
	if (task && READ_ONCE(task->mm) == kvm->mm)
		return task;
#ifdef CONFIG_MEMCG
	return rcu_dereference(kvm->mm->owner);
#else
	return NULL;
#endif
}

/*
 * The creator's credentials and cgroup are not known: use those that the VMM has now. A VM
 * without VMM is nobody's: any user can leave such VMs, and root must not be charged for them.
 */
static void identify(struct kvm *kvm, struct l1t_guest *g, const struct cred *nobody)
{
	struct task_struct *task;

	g->created_ns = ktime_get_boottime_ns();
	g->adopted = true;
	rcu_read_lock();
	task = find_vmm(kvm);
	g->pid = task ? task_tgid_nr(task) : kvm->userspace_pid;
	g->cred = task ? get_task_cred(task) : get_cred(nobody);
	l1t_cgroup_path(task ?: &init_task, g->cgroup);
	/* The name may change meanwhile, and be a mix of old and new. */
	if (task)
		strscpy(g->comm, READ_ONCE(task->group_leader)->comm, sizeof(g->comm));
	rcu_read_unlock();
}

/* No user has this uid, so what is charged to it limits nobody. */
static const struct cred *nobody_alloc(void)
{
	struct cred *cred = prepare_kernel_cred(&init_task);

	if (cred)
		cred->uid = INVALID_UID;
	return cred;
}

/* If the registry is closed meanwhile, see distrust_hook(), the guest is not in it any more. */
static void adopt_vcpus(struct kvm *kvm, struct stash *stash)
{
	int i, n = atomic_read(&kvm->online_vcpus);
	struct l1t_guest *g;

	for (i = 0; i < n; i++) {
		struct kvm_vcpu *vcpu = kvm_get_vcpu(kvm, i);
		struct l1t_vcpu *v;

		raw_spin_lock(&l1t_lock);
		g = l1t_guest_find(kvm);
		if (g && !l1t_vcpu_find(vcpu)) {
			v = take_vcpu(stash, g);
			if (v)
				l1t_life_add_vcpu(v, vcpu);
		}
		raw_spin_unlock(&l1t_lock);
	}
}

static u64 memory_of(struct kvm *kvm, u64 *slot_bytes)
{
	u64 bytes;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	bytes = l1t_memory_sum_bytes(kvm, slot_bytes);
	srcu_read_unlock(&kvm->srcu, idx);
	return bytes;
}

/*
 * The hook on changes adds to the sum that is taken here, so no slot may change until the
 * guest is in the registry. A VMM may keep its slots locked as long as it likes: then KVM's
 * own count is taken. Up to 5.16 there is none, and the sum may miss the slot that is
 * changing, or count it twice.
 *
 * Returns false if the registry is closed.
 */
static bool enter_with_memory(struct l1t_guest *g, struct kvm *kvm)
{
	bool locked = mutex_trylock(&kvm->slots_lock), open;
	u64 slot_bytes, bytes = memory_of(kvm, &slot_bytes);

	raw_spin_lock(&l1t_lock);
	open = l1t_life_is_open();
	if (open) {
		l1t_life_enter(g, kvm);
		if (locked || !l1t_slots_count(g, kvm))
			l1t_slots_set(g, bytes, slot_bytes);
	}
	raw_spin_unlock(&l1t_lock);
	if (locked)
		mutex_unlock(&kvm->slots_lock);
	return open;
}

/* KVM's list is locked, so neither the VM nor its vCPUs are destroyed. */
static void adopt_vm(struct kvm *kvm, struct stash *stash)
{
	struct l1t_guest *g;

	raw_spin_lock(&l1t_lock);
	g = l1t_guest_find(kvm);
	raw_spin_unlock(&l1t_lock);
	if (!g) {
		g = take_guest(stash);
		if (!g) {
			/* Ask for its vCPUs as well, to repeat the walk only once. */
			stash->missing_vcpus += atomic_read(&kvm->online_vcpus);
			return;
		}
		identify(kvm, g, stash->nobody);
		if (!enter_with_memory(g, kvm)) {
			put_device(&g->dev);
			return;
		}
	}
	adopt_vcpus(kvm, stash);
}

static struct l1t_guest *next_unconfirmed(void)
{
	struct l1t_guest *g, *found = NULL;

	raw_spin_lock(&l1t_lock);
	list_for_each_entry(g, &l1t_newborn, newborn) {
		if (g->adopted && !g->id) {
			get_device(&g->dev);
			found = g;
			break;
		}
	}
	raw_spin_unlock(&l1t_lock);
	return found;
}

/**
 * l1t_adopt() - add all of KVM's VMs to the registry
 * @kvm_lock: KVM's lock of its list
 * @vms: KVM's list
 *
 * Context: may sleep; KVM cannot be unloaded.
 * Return: 0, -ENOMEM, or -EOPNOTSUPP if the registry is closed.
 */
int l1t_adopt(struct mutex *kvm_lock, struct list_head *vms)
{
	struct stash stash = {
		.guests = LIST_HEAD_INIT(stash.guests),
		.vcpus = LIST_HEAD_INIT(stash.vcpus),
	};
	struct l1t_guest *g;
	struct kvm *kvm;
	bool complete;
	int err;

	if (!l1t_life_is_open())
		return -EOPNOTSUPP;
	stash.nobody = nobody_alloc();
	if (!stash.nobody)
		return -ENOMEM;
	do {
		mutex_lock(kvm_lock);
		list_for_each_entry(kvm, vms, vm_list) {
			adopt_vm(kvm, &stash);
			cond_resched();
		}
		complete = !stash.missing_guests && !stash.missing_vcpus;
		/* A VM that is not in the list yet has no slots or vCPUs of its VMM. */
		if (complete)
			l1t_life_adopted();
		mutex_unlock(kvm_lock);
		err = complete ? 0 : refill(&stash);
	} while (!complete && !err);
	free_stash(&stash);

	while ((g = next_unconfirmed())) {
		l1t_life_confirm(g);
		put_device(&g->dev);
	}
	/* No need to wait for BIRTH_NS. */
	l1t_devices_update(false);
	return err;
}
