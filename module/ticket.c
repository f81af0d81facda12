// SPDX-License-Identifier: GPL-2.0
/*
 * The tickets. All functions want l1t_lock held unless they say otherwise.
 *
 * There is a fixed number of them: hooks cannot allocate. A thread has one per
 * VM, and needs a second one only if it asks for another VM in one ioctl.
 */
#include <linux/hashtable.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>

#include "guest.h"
#include "nested.h"
#include "ticket.h"

/* As many threads can be between hook and return at once. */
#define NR_TICKETS	2048

static struct l1t_ticket tickets[NR_TICKETS];
static unsigned int nr_used_once;
static LIST_HEAD(free_tickets);
static LIST_HEAD(used_tickets);
static DEFINE_HASHTABLE(by_task, 8);

static unsigned int nr_used;
static DECLARE_WAIT_QUEUE_HEAD(all_returned);

/**
 * l1t_ticket_find() - this thread's ticket for a VM, or NULL
 * @kvm: only compared
 */
struct l1t_ticket *l1t_ticket_find(const struct kvm *kvm)
{
	struct l1t_ticket *ticket;

	lockdep_assert_held(&l1t_lock);
	hash_for_each_possible(by_task, ticket, node, (unsigned long)current)
		if (ticket->task == current && ticket->demand.kvm == kvm)
			return ticket;
	return NULL;
}

/**
 * l1t_ticket_take() - a new ticket of this thread for a VM
 * @kvm: alive
 *
 * Return: a ticket that holds no place yet, or NULL if all are in use.
 */
struct l1t_ticket *l1t_ticket_take(struct kvm *kvm)
{
	struct l1t_ticket *ticket;

	lockdep_assert_held(&l1t_lock);
	ticket = list_first_entry_or_null(&free_tickets, struct l1t_ticket, link);
	if (ticket)
		list_del(&ticket->link);
	else if (nr_used_once < NR_TICKETS)
		ticket = &tickets[nr_used_once++];
	else
		return NULL;
	ticket->task = current;
	ticket->cred = NULL;
	ticket->demand = (struct l1t_demand){ .kvm = kvm };
	list_add(&ticket->link, &used_tickets);
	hash_add(by_task, &ticket->node, (unsigned long)current);
	nr_used++;
	return ticket;
}

/**
 * l1t_ticket_add() - have a ticket keep what has been granted
 * @ticket: this thread's for the VM
 * @demand: what
 */
void l1t_ticket_add(struct l1t_ticket *ticket, const struct l1t_demand *demand)
{
	struct l1t_demand *d = &ticket->demand;
	struct l1t_guest *g;

	lockdep_assert_held(&l1t_lock);
	if (demand->vm && !d->vm) {
		d->vm = true;
		ticket->cred = get_current_cred();
	}
	if (demand->vcpu) {
		d->vcpu = true;
		d->vcpu_id = demand->vcpu_id;
	}
	d->memory_bytes = max(d->memory_bytes, demand->memory_bytes);
	g = demand->nested ? l1t_guest_find(d->kvm) : NULL;
	if (g && !d->nested) {
		d->nested = true;
		l1t_nested_hold(g);
	}
}

static void vm_done(struct l1t_ticket *ticket)
{
	ticket->demand.vm = false;
	if (ticket->cred)
		put_cred(ticket->cred);
	ticket->cred = NULL;
}

static void drop_places(struct l1t_ticket *ticket)
{
	struct l1t_demand *d = &ticket->demand;

	vm_done(ticket);
	if (d->nested)
		l1t_nested_unhold(l1t_guest_find(d->kvm));
	*d = (struct l1t_demand){ .kvm = d->kvm };
}

/**
 * l1t_ticket_put() - give a ticket back, and the places it still holds
 * @ticket: the ticket
 *
 * Context: takes l1t_lock.
 */
void l1t_ticket_put(struct l1t_ticket *ticket)
{
	bool last;

	raw_spin_lock(&l1t_lock);
	drop_places(ticket);
	hash_del(&ticket->node);
	list_move(&ticket->link, &free_tickets);
	last = !--nr_used;
	raw_spin_unlock(&l1t_lock);
	if (last)
		wake_up(&all_returned);
}

/**
 * l1t_tickets_vm_counted() - the registry counts a VM, its ticket need not
 * @kvm: the VM
 */
void l1t_tickets_vm_counted(const struct kvm *kvm)
{
	struct l1t_ticket *ticket;

	list_for_each_entry(ticket, &used_tickets, link)
		if (ticket->demand.kvm == kvm && ticket->demand.vm)
			vm_done(ticket);
}

/**
 * l1t_tickets_vcpu_counted() - the registry counts a vCPU, its ticket need not
 * @kvm: whose
 * @vcpu_id: which
 */
void l1t_tickets_vcpu_counted(const struct kvm *kvm, u32 vcpu_id)
{
	struct l1t_ticket *ticket;

	list_for_each_entry(ticket, &used_tickets, link)
		if (ticket->demand.kvm == kvm && ticket->demand.vcpu &&
		    ticket->demand.vcpu_id == vcpu_id)
			ticket->demand.vcpu = false;
}

/**
 * l1t_tickets_cancel() - a VM is gone, and with it what was wanted for it
 * @kvm: not freed yet
 */
void l1t_tickets_cancel(const struct kvm *kvm)
{
	struct l1t_ticket *ticket;

	list_for_each_entry(ticket, &used_tickets, link) {
		if (ticket->demand.kvm != kvm)
			continue;
		drop_places(ticket);
		ticket->demand.kvm = NULL;
	}
}

/**
 * l1t_cred_charges() - is a user charged for what is created with credentials
 * @cred: of the creator
 * @uid: the user
 *
 * The creator is, and so are the owners of the user namespaces that it is in.
 */
bool l1t_cred_charges(const struct cred *cred, kuid_t uid)
{
	const struct user_namespace *ns;

	if (uid_eq(cred->uid, uid))
		return true;
	for (ns = cred->user_ns; ns != &init_user_ns; ns = ns->parent)
		if (uid_eq(ns->owner, uid))
			return true;
	return false;
}

static u64 memory_beyond(const struct l1t_demand *d)
{
	const struct l1t_guest *g = l1t_guest_find(d->kvm);
	u64 had = g ? g->memory_peak_bytes : 0;

	return d->memory_bytes > had ? d->memory_bytes - had : 0;
}

/**
 * l1t_tickets_places() - add up what tickets hold
 * @kvm: the VM of @sum->vm_vcpus
 * @uid: the user of @sum->user_vms, or INVALID_UID
 * @sum: filled in
 */
void l1t_tickets_places(const struct kvm *kvm, kuid_t uid, struct l1t_places *sum)
{
	struct l1t_ticket *ticket;

	lockdep_assert_held(&l1t_lock);
	*sum = (struct l1t_places){};
	list_for_each_entry(ticket, &used_tickets, link) {
		const struct l1t_demand *d = &ticket->demand;

		if (d->vm) {
			sum->vms++;
			sum->user_vms += uid_valid(uid) &&
					 l1t_cred_charges(ticket->cred, uid);
		}
		if (d->vcpu) {
			sum->vcpus++;
			sum->vm_vcpus += d->kvm == kvm;
		}
		if (d->memory_bytes)
			sum->memory_bytes += memory_beyond(d);
	}
}

static bool none_used(void)
{
	bool none;

	raw_spin_lock(&l1t_lock);
	none = !nr_used;
	raw_spin_unlock(&l1t_lock);
	return none;
}

/**
 * l1t_tickets_wait_returned() - wait until no thread has a ticket
 *
 * They come back before their threads return to user space or enter their
 * guests again, so this takes no longer than such a thread waits for a CPU.
 * Context: hooks and probes are detached, l1t_lock is not held.
 */
void l1t_tickets_wait_returned(void)
{
	wait_event(all_returned, none_used());
}
