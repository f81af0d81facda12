// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps a guest's memory up to date while its VMM changes memory slots. memory.c tells what
 * a change adds or removes, at the same cost however many slots there are.
 */
#include "memory.h"
#include "slots.h"

/**
 * l1t_slots_set() - a guest has so much memory now
 * @g: in the registry
 * @bytes: memory in its user slots
 * @slot_bytes: what all these slots have, even if they share it
 *
 * Context: l1t_lock held.
 */
void l1t_slots_set(struct l1t_guest *g, u64 bytes, u64 slot_bytes)
{
	g->slot_bytes = slot_bytes;
	WRITE_ONCE(g->memory_bytes, bytes);
	l1t_guest_had_memory(g, bytes);
}

/**
 * l1t_slots_count() - count the slots that a VM had before it was in the registry
 * @g: its guest, which has just entered the registry
 * @kvm: alive
 *
 * The hook that counts changes of slots may be about to be called for one that KVM has
 * counted already. So at its next call the count is taken again: then no other slot is
 * changing. What slots share counts for each.
 *
 * Context: l1t_lock held. Return: whether this kernel counts them.
 */
bool l1t_slots_count(struct l1t_guest *g, const struct kvm *kvm)
{
	u64 pages;

	if (!l1t_memslots_pages(kvm, &pages))
		return false;
	g->slots_changing = true;
	l1t_slots_set(g, pages << PAGE_SHIFT, pages << PAGE_SHIFT);
	return true;
}

/**
 * l1t_slots_changed() - a slot of a guest has changed
 * @g: the guest
 * @change: which slot, and how
 * @added: bytes of memory that the guest has more
 * @removed: bytes that it has less
 *
 * Context: l1t_lock and the VM's slots_lock are held.
 */
void l1t_slots_changed(struct l1t_guest *g, const struct l1t_slot_change *change,
		       u64 added, u64 removed)
{
	u64 bytes, slot_bytes;

	if (g->slots_changing) {
		l1t_slots_count(g, change->kvm);
		g->slots_changing = false;
		return;
	}
	slot_bytes = g->slot_bytes + l1t_memory_slot_bytes(change->new);
	slot_bytes -= min(slot_bytes, l1t_memory_slot_bytes(change->old));
	bytes = g->memory_bytes + added;
	bytes = min(bytes - min(bytes, removed), slot_bytes);
	l1t_slots_set(g, bytes, slot_bytes);
}
