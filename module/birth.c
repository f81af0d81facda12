// SPDX-License-Identifier: GPL-2.0
/*
 * How guests and vCPUs get into the registry.
 *
 * KVM's hooks are atomic, so all they do is leave a ticket: a piece of
 * task_work that runs on the same thread before its ioctl returns to the VMM,
 * or, for an exit of an unknown vCPU, before its next entry. There, where one
 * can sleep, sync_vms() brings the registry in line with what KVM has: the VM
 * itself, its vCPUs, its memory. The same function adopts VMs older than the
 * module. It is idempotent, so a ticket says which VM and nothing else.
 *
 * A VM may die before its ticket's turn: l1t_birth_cancel(), from the hook on
 * its end, takes it off the ticket.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "attach.h"
#include "compat.h"
#include "guest.h"
#include "vm.h"

/* As many threads can be between hook and return at once. */
#define NR_TICKETS	256

struct ticket {
	struct callback_head work;
	struct list_head link;
	struct kvm *kvm;
};

/* Protected by l1t_lock. */
static struct ticket tickets[NR_TICKETS];
static unsigned int nr_used_once;
static LIST_HEAD(free_tickets);
static LIST_HEAD(queued_tickets);

static atomic_t nr_queued = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(all_done);

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
	struct kvm_vcpu *vcpu;
	L1T_VCPU_INDEX i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
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
	WRITE_ONCE(g->memory_bytes, l1t_vm_memory_bytes(kvm));
	sync_vcpus(kvm, g, stash);
}

/* @ticket: for its VM, if that is still there; NULL: for all of them. */
static void sync_vms(const struct ticket *ticket)
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
			kvm = ticket->kvm;
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

static void return_ticket(struct ticket *ticket)
{
	raw_spin_lock(&l1t_lock);
	list_move(&ticket->link, &free_tickets);
	raw_spin_unlock(&l1t_lock);
	if (atomic_dec_and_test(&nr_queued))
		wake_up(&all_done);
}

static void redeem(struct callback_head *work)
{
	struct ticket *ticket = container_of(work, struct ticket, work);

	sync_vms(ticket);
	return_ticket(ticket);
}

static struct ticket *take_ticket(struct kvm *kvm)
{
	struct ticket *ticket;

	lockdep_assert_held(&l1t_lock);
	ticket = list_first_entry_or_null(&free_tickets, struct ticket, link);
	if (ticket) {
		list_move(&ticket->link, &queued_tickets);
	} else if (nr_used_once < NR_TICKETS) {
		ticket = &tickets[nr_used_once++];
		list_add(&ticket->link, &queued_tickets);
	} else {
		return NULL;
	}
	ticket->kvm = kvm;
	return ticket;
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
	struct ticket *ticket;

	/* A kernel thread has no way out to user space. */
	if (current->flags & PF_KTHREAD)
		goto later;

	raw_spin_lock(&l1t_lock);
	ticket = take_ticket(kvm);
	raw_spin_unlock(&l1t_lock);
	if (!ticket)
		goto later;

	atomic_inc(&nr_queued);
	init_task_work(&ticket->work, redeem);
	if (!l1t_task_work_add(current, &ticket->work))
		return;

	return_ticket(ticket);
later:
	schedule_work(&adopt_work);
}

/**
 * l1t_birth_cancel() - a VM is gone, and with it what was to be done for it
 * @kvm: not freed yet
 *
 * Context: l1t_lock held.
 */
void l1t_birth_cancel(const struct kvm *kvm)
{
	struct ticket *ticket;

	list_for_each_entry(ticket, &queued_tickets, link)
		if (ticket->kvm == kvm)
			ticket->kvm = NULL;
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
 * Tickets are redeemed before their threads return to user space or enter
 * their guests again, so this takes no longer than such a thread waits for a
 * CPU. Context: hooks and probes are detached.
 */
void l1t_birth_drain(void)
{
	wait_event(all_done, !atomic_read(&nr_queued));
	cancel_work_sync(&adopt_work);
}
