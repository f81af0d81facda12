// SPDX-License-Identifier: GPL-2.0
/*
 * What a VMM's threads have asked for in ioctls on KVM, and have not got yet. It is reserved
 * in the ledger, so that no other thread is admitted in its place.
 */
#include <linux/bitmap.h>

#include "call.h"

/* Reserve @more vCPUs, which are not in the registry; if negative, release them. */
static void reserve_vcpus(struct l1t_guest *g, int more)
{
	g->asked_vcpus += more;
	l1t_guest_use(g, L1T_ASKED_VCPUS, more);
}

/**
 * l1t_call_of_current() - find the call that the current thread is in
 * @g: for this guest
 *
 * Context: l1t_lock held.
 * Return: the call or NULL.
 */
struct l1t_call *l1t_call_of_current(struct l1t_guest *g)
{
	unsigned int i;

	lockdep_assert_held(&l1t_lock);
	for (i = 0; i < L1T_CALLS; i++)
		if (g->calls[i].used && READ_ONCE(g->calls[i].work.task) == current)
			return &g->calls[i];
	return NULL;
}

/**
 * l1t_call_get() - find or allocate the call that the current thread is in
 * @g: for this guest
 *
 * Context: l1t_lock held.
 * Return: the call; the work of a new one is initialized and not queued. NULL if too many
 * threads of the VMM are in such calls.
 */
struct l1t_call *l1t_call_get(struct l1t_guest *g)
{
	struct l1t_call *call = l1t_call_of_current(g);
	unsigned int i;

	for (i = 0; !call && i < L1T_CALLS; i++) {
		/* Pairs with l1t_work_done(): the last user of the call is done with it. */
		if (g->calls[i].used || smp_load_acquire(&g->calls[i].work.busy))
			continue;
		call = &g->calls[i];
		call->used = true;
		call->work.task = current;
		call->guest = g;
	}
	return call;
}

/**
 * l1t_call_ask_vcpu() - reserve a vCPU in the ledger
 * @call: creates the vCPU
 *
 * Context: l1t_lock held.
 */
void l1t_call_ask_vcpu(struct l1t_call *call)
{
	lockdep_assert_held(&l1t_lock);
	if (call->asked_vcpu)
		return;
	call->asked_vcpu = true;
	reserve_vcpus(call->guest, 1);
}

/**
 * l1t_call_asks_vcpu() - does a thread that creates a vCPU have it reserved
 * @g: the guest; KVM may have created the vCPU, or not yet
 *
 * Context: l1t_lock held.
 * Return: true if a call has a vCPU reserved.
 */
bool l1t_call_asks_vcpu(const struct l1t_guest *g)
{
	unsigned int i;

	lockdep_assert_held(&l1t_lock);
	for (i = 0; i < L1T_CALLS; i++)
		if (g->calls[i].asked_vcpu)
			return true;
	return false;
}

/**
 * l1t_call_ask_memory() - reserve memory in the ledger
 * @call: adds the memory
 * @bytes: beyond the guest's peak; replaces an earlier reservation
 *
 * Context: l1t_lock held.
 */
void l1t_call_ask_memory(struct l1t_call *call, u64 bytes)
{
	lockdep_assert_held(&l1t_lock);
	call->guest->asked_bytes += bytes - call->asked_bytes;
	l1t_guest_use(call->guest, L1T_ASKED_MEMORY, bytes - call->asked_bytes);
	call->asked_bytes = bytes;
}

/**
 * l1t_call_release_vcpu() - release the vCPU that a call has reserved in the ledger
 * @call: its vCPU is in the registry, or will not be
 *
 * Context: l1t_lock held.
 */
void l1t_call_release_vcpu(struct l1t_call *call)
{
	lockdep_assert_held(&l1t_lock);
	if (!call->asked_vcpu)
		return;
	call->asked_vcpu = false;
	reserve_vcpus(call->guest, -1);
}

/**
 * l1t_call_release() - release what a call has reserved in the ledger
 * @call: has got what it asked for, or will not get it
 *
 * Context: l1t_lock held.
 */
void l1t_call_release(struct l1t_call *call)
{
	lockdep_assert_held(&l1t_lock);
	if (!call->guest)
		return;
	l1t_call_release_vcpu(call);
	l1t_call_ask_memory(call, 0);
	call->new_vcpu = NULL;
}

/**
 * l1t_vcpu_reserve() - reserve a vCPU that KVM has created and that has no block
 * @g: its guest
 * @vcpu: KVM's vCPU, alive; KVM has given it an index
 *
 * It stays reserved in the ledger until it gets a block, or its VM ends.
 *
 * Context: l1t_lock held.
 */
void l1t_vcpu_reserve(struct l1t_guest *g, const struct kvm_vcpu *vcpu)
{
	lockdep_assert_held(&l1t_lock);
	if (!__test_and_set_bit(vcpu->vcpu_idx, g->created_vcpus))
		reserve_vcpus(g, 1);
}

/**
 * l1t_vcpu_unreserve() - a vCPU has a block
 * @g: its guest
 * @vcpu: KVM's vCPU, alive; KVM has given it an index
 *
 * Context: l1t_lock held.
 */
void l1t_vcpu_unreserve(struct l1t_guest *g, const struct kvm_vcpu *vcpu)
{
	lockdep_assert_held(&l1t_lock);
	if (__test_and_clear_bit(vcpu->vcpu_idx, g->created_vcpus))
		reserve_vcpus(g, -1);
}

/**
 * l1t_calls_release() - release all that is reserved for a guest that leaves the registry
 * @g: the guest
 *
 * Context: l1t_lock held.
 */
void l1t_calls_release(struct l1t_guest *g)
{
	unsigned int i;

	lockdep_assert_held(&l1t_lock);
	for (i = 0; i < L1T_CALLS; i++)
		l1t_call_release(&g->calls[i]);
	reserve_vcpus(g, -bitmap_weight(g->created_vcpus, KVM_MAX_VCPUS));
	bitmap_zero(g->created_vcpus, KVM_MAX_VCPUS);
}
