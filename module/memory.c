// SPDX-License-Identifier: GPL-2.0
/*
 * A VM's memory is what its user slots map, in both address spaces: the second is for
 * System Management Mode, and a VMM puts the VM's RAM into both. So memory that both
 * map to the same guest address, from the same host address, counts once. KVM's
 * internal slots do not count.
 *
 * The sum is updated by what each change of a slot adds or removes. To find what the
 * other space has of a slot takes a look-up, and a step for each slot there. A VMM
 * may create many, so at most MOST_STEPS are taken. Memory that was not compared
 * counts when a slot is added, and is not given back when one is removed: creating
 * many slots gains nothing. However often slots change, the sum is at most what all
 * slots have, which is exact.
 */
#include <linux/sched.h>

#include "memory.h"

#define MOST_STEPS	32

/* A VMM may have tens of thousands, and all VMs are summed at load. */
#define SLOTS_AT_A_TIME	512

/* A range of a guest_memfd can be in one slot only. */
static bool same_pages(const struct kvm_memory_slot *a,
		       const struct kvm_memory_slot *b)
{
	if ((a->flags | b->flags) & KVM_MEM_GUEST_MEMFD)
		return false;
	return a->userspace_addr - (a->base_gfn << PAGE_SHIFT) ==
	       b->userspace_addr - (b->base_gfn << PAGE_SHIFT);
}

/*
 * Adds up the pages of a slot that another address space has, too, and those that
 * were not compared. Context: the VM's slots_lock is held.
 */
static void compare_with_space(struct kvm *kvm, int as_id,
			       const struct kvm_memory_slot *slot,
			       u64 *shared, u64 *unseen)
{
	struct kvm_memslots *slots = __kvm_memslots(kvm, as_id);
	gfn_t gfn = slot->base_gfn, end = gfn + slot->npages;
	const struct kvm_memory_slot *other;
	unsigned int steps;

	for (steps = 0; steps < MOST_STEPS && gfn < end; steps++) {
		other = l1t_memslot_from(slots, gfn);
		if (!other || other->base_gfn >= end)
			return;
		gfn = max(gfn, other->base_gfn);
		if (l1t_is_user_slot(other) && same_pages(slot, other))
			*shared += min(end, other->base_gfn + other->npages) - gfn;
		gfn = other->base_gfn + other->npages;
	}
	if (gfn < end)
		*unseen += end - gfn;
}

static void compare(struct kvm *kvm, const struct kvm_memory_slot *slot,
		    int slot_as_id, u64 *shared, u64 *unseen)
{
	int as_id;

	*shared = 0;
	*unseen = 0;
	for (as_id = 0; as_id < L1T_ADDRESS_SPACES; as_id++)
		if (as_id != slot_as_id)
			compare_with_space(kvm, as_id, slot, shared, unseen);
}

/**
 * l1t_memory_slot_bytes() - memory of a slot, whatever other slots have
 * @slot: the slot, or NULL
 *
 * Return: bytes; 0 if it is not a slot of the VMM.
 */
u64 l1t_memory_slot_bytes(const struct kvm_memory_slot *slot)
{
	return l1t_is_user_slot(slot) ? (u64)slot->npages << PAGE_SHIFT : 0;
}

/**
 * l1t_memory_added_bytes() - memory that a change of a slot adds to a VM
 * @change: about to be made, or made
 *
 * Context: the VM's slots_lock is held; does not sleep.
 * Return: bytes.
 */
u64 l1t_memory_added_bytes(const struct l1t_slot_change *change)
{
	u64 shared, unseen;

	if (change->change == KVM_MR_FLAGS_ONLY || !l1t_is_user_slot(change->new))
		return 0;
	compare(change->kvm, change->new, change->as_id, &shared, &unseen);
	return (change->new->npages - shared) << PAGE_SHIFT;
}

/**
 * l1t_memory_removed_bytes() - memory that a change of a slot removes from a VM
 * @change: made
 *
 * Context: the VM's slots_lock is held; does not sleep.
 * Return: bytes.
 */
u64 l1t_memory_removed_bytes(const struct l1t_slot_change *change)
{
	u64 shared, unseen;

	if (change->change == KVM_MR_FLAGS_ONLY || !l1t_is_user_slot(change->old))
		return 0;
	compare(change->kvm, change->old, change->as_id, &shared, &unseen);
	return (change->old->npages - shared - unseen) << PAGE_SHIFT;
}

/* What lower address spaces have of a slot counts there. */
static u64 pages_beyond_spaces_before(struct kvm *kvm, int as_id,
				      const struct kvm_memory_slot *slot)
{
	u64 shared = 0, unseen = 0;
	int before;

	for (before = 0; before < as_id; before++)
		compare_with_space(kvm, before, slot, &shared, &unseen);
	return slot->npages - shared;
}

/**
 * l1t_memory_sum_bytes() - memory of a VM that is older than the module
 * @kvm: alive; its SRCU is held. A slot that changes meanwhile may be missed, or count twice
 * @slot_bytes: filled in with what all slots have, even if they share it
 *
 * Walks all slots.
 *
 * Context: may sleep.
 * Return: bytes; what both address spaces have counts once.
 */
u64 l1t_memory_sum_bytes(struct kvm *kvm, u64 *slot_bytes)
{
	struct kvm_memory_slot *slot;
	struct kvm_memslots *slots;
	unsigned int nr = 0;
	u64 pages = 0;
	int as_id, bkt;

	*slot_bytes = 0;
	for (as_id = 0; as_id < L1T_ADDRESS_SPACES; as_id++) {
		/* The macro reads it at each step, and KVM may replace the set meanwhile. */
		slots = __kvm_memslots(kvm, as_id);
		l1t_for_each_memslot(slot, bkt, slots)
			if (l1t_is_user_slot(slot)) {
				*slot_bytes += l1t_memory_slot_bytes(slot);
				pages += pages_beyond_spaces_before(kvm, as_id, slot);
				if (!(++nr % SLOTS_AT_A_TIME))
					cond_resched();
			}
	}
	return pages << PAGE_SHIFT;
}
