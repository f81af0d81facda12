// SPDX-License-Identifier: GPL-2.0
/*
 * How guests and vCPUs get into the registry.
 *
 * KVM's hooks are atomic, so all they do is leave a ticket: a piece of
 * task_work that runs on the same thread before its ioctl returns to the VMM,
 * or, for an exit of an unknown vCPU, before its next entry. There, where one
 * can sleep, sync_vms() brings the registry in line with what KVM has: the VM
 * itself, its vCPUs, its memory. The same function adopts VMs older than the
 * module. It is idempotent, so it matters which VM and nothing else.
 *
 * A VM may die before its ticket's turn: the hook on its end takes it off the
 * ticket.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/workqueue.h>

#include "attach.h"
#include "compat.h"
#include "guest.h"
#include "limit.h"
#include "nested.h"
#include "ticket.h"
#include "vm.h"

static void adopt_work_fn(struct work_struct *work);
static DECLARE_WORK(adopt_work, adopt_work_fn);

/* Blocks allocated ahead, since none can be under KVM's lock. */
struct stash {
	struct list_head guests;
	struct list_head vcpus;
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

static struct l1t_vcpu *take_vcpu(struct stash *stash)
{
	struct l1t_vcpu *v;

	v = list_first_entry_or_null(&stash->vcpus, struct l1t_vcpu, link);
	if (v)
		list_del(&v->link);
	else
		stash->missing_vcpus++;
	return v;
}

static int refill_stash(struct stash *stash)
{
	for (; stash->missing_guests; stash->missing_guests--) {
		struct l1t_guest *g = l1t_guest_alloc();

		if (!g)
			return -ENOMEM;
		list_add(&g->link, &stash->guests);
	}
	for (; stash->missing_vcpus; stash->missing_vcpus--) {
		struct l1t_vcpu *v = l1t_vcpu_alloc();

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
}

static void sync_vcpus(struct kvm *kvm, struct l1t_guest *g,
		       struct stash *stash)
{
	int i, n = atomic_read(&kvm->online_vcpus);

	/*
	 * Those that are known come first: KVM appends, and keeps all for as
	 * long as the VM is listed.
	 */
	for (i = READ_ONCE(g->nr_vcpus); i < n; i++) {
		struct kvm_vcpu *vcpu = kvm_get_vcpu(kvm, i);
		struct l1t_vcpu *v;

		raw_spin_lock(&l1t_lock);
		if (!l1t_vcpu_find(vcpu)) {
			v = take_vcpu(stash);
			if (v)
				l1t_vcpu_insert(v, g, vcpu);
		}
		raw_spin_unlock(&l1t_lock);
	}
}

static void sync_memory(struct kvm *kvm, struct l1t_guest *g)
{
	u64 bytes = l1t_vm_memory_bytes(kvm);

	raw_spin_lock(&l1t_lock);
	WRITE_ONCE(g->memory_bytes, bytes);
	l1t_guest_had_memory(g, bytes);
	l1t_nested_restored(g);
	raw_spin_unlock(&l1t_lock);
}

/* The VM is listed and the list is locked, so neither it nor its vCPUs go. */
static void sync_vm(struct kvm *kvm, struct stash *stash)
{
	struct l1t_guest *g;

	raw_spin_lock(&l1t_lock);
	g = l1t_guest_find(kvm);
	raw_spin_unlock(&l1t_lock);
	if (!g) {
		g = take_guest(stash);
		if (!g) {
			/* Ask for its vCPUs too, to come back only once. */
			stash->missing_vcpus += atomic_read(&kvm->online_vcpus);
			return;
		}
		l1t_vm_identify(kvm, g);
		raw_spin_lock(&l1t_lock);
		l1t_guest_insert(g, kvm);
		raw_spin_unlock(&l1t_lock);
	}
	sync_memory(kvm, g);
	sync_vcpus(kvm, g, stash);
}

/* @ticket: for its VM, if that is still there; NULL: for all of them. */
static void sync_vms(const struct l1t_ticket *ticket)
{
	struct stash stash = {
		.guests = LIST_HEAD_INIT(stash.guests),
		.vcpus = LIST_HEAD_INIT(stash.vcpus),
	};
	struct kvm *kvm;

	do {
		if (l1t_vms_lock())
			break;
		if (ticket) {
			raw_spin_lock(&l1t_lock);
			kvm = ticket->demand.kvm;
			if (kvm && !l1t_vm_listed(kvm))
				kvm = NULL;
			raw_spin_unlock(&l1t_lock);
			if (kvm)
				sync_vm(kvm, &stash);
		} else {
			list_for_each_entry(kvm, l1t_vms(), vm_list)
				sync_vm(kvm, &stash);
		}
		l1t_vms_unlock();
		if (!stash.missing_guests && !stash.missing_vcpus)
			break;
	} while (!refill_stash(&stash));

	if (stash.missing_guests || stash.missing_vcpus)
		pr_warn_ratelimited("out of memory: %u guests and %u vCPUs are not accounted until they exit again\n",
				    stash.missing_guests, stash.missing_vcpus);
	free_stash(&stash);
	l1t_devices_update();
}

static void redeem(struct callback_head *work)
{
	struct l1t_ticket *ticket = container_of(work, struct l1t_ticket, work);

	sync_vms(ticket);
	l1t_ticket_put(ticket);
}

/**
 * l1t_birth_demand() - a thread asks KVM for something
 * @demand: what it asks for
 *
 * Grants it a place if the limits leave one, which is held until the registry
 * counts it or the thread's ioctl returns. Called by hooks, on that thread.
 * Context: atomic. Return: 0, or the error that KVM is to return.
 */
int l1t_birth_demand(const struct l1t_demand *demand)
{
	struct l1t_ticket *ticket;
	bool queue = false;
	int err;

	/* A kernel thread has no way out to user space. */
	if (current->flags & PF_KTHREAD) {
		schedule_work(&adopt_work);
		return 0;
	}

	raw_spin_lock(&l1t_lock);
	err = l1t_limit_admit(demand);
	if (!err) {
		ticket = l1t_ticket_find(demand->kvm);
		if (!ticket) {
			ticket = l1t_ticket_take(demand->kvm);
			queue = ticket;
		}
		if (ticket)
			l1t_ticket_add(ticket, demand);
		else
			err = -ENOMEM;
	}
	raw_spin_unlock(&l1t_lock);

	if (queue) {
		init_task_work(&ticket->work, redeem);
		if (!l1t_task_work_add(current, &ticket->work))
			return 0;
		l1t_ticket_put(ticket);
		schedule_work(&adopt_work);
	}
	return err;
}

/**
 * l1t_guest_missing() - the registry lacks something of a VM
 * @kvm: alive, not necessarily fully created yet
 *
 * Called by hooks on what KVM creates for a VM, on the thread that asks for
 * it. Context: atomic.
 */
void l1t_guest_missing(struct kvm *kvm)
{
	const struct l1t_demand nothing_limited = { .kvm = kvm };

	/* It fails for want of tickets. */
	if (l1t_birth_demand(&nothing_limited))
		schedule_work(&adopt_work);
}

/**
 * l1t_memory_changed() - a VM's memory slots have changed
 * @kvm: alive
 *
 * Context: atomic, with the VM's slots_lock held: what has been granted is
 * charged before any other thread can ask for more for the same VM.
 */
void l1t_memory_changed(struct kvm *kvm)
{
	struct l1t_ticket *ticket;
	struct l1t_guest *g;

	raw_spin_lock(&l1t_lock);
	ticket = l1t_ticket_find(kvm);
	g = l1t_guest_find(kvm);
	if (ticket && g) {
		l1t_guest_had_memory(g, ticket->demand.memory_bytes);
		ticket->demand.memory_bytes = 0;
	}
	raw_spin_unlock(&l1t_lock);
	l1t_guest_missing(kvm);
}

static void adopt_work_fn(struct work_struct *work)
{
	l1t_birth_adopt();
}

/**
 * l1t_birth_adopt() - bring in all VMs that KVM has
 *
 * Context: may sleep; the hooks are attached, so that what is born or dies
 * meanwhile is not missed.
 */
void l1t_birth_adopt(void)
{
	sync_vms(NULL);
}

/**
 * l1t_birth_drain() - wait for everything in flight here
 *
 * Context: hooks and probes are detached.
 */
void l1t_birth_drain(void)
{
	l1t_tickets_wait_returned();
	cancel_work_sync(&adopt_work);
}
