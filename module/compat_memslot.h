/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory slots, which changed in 5.17: from an array sorted by guest address to a
 * tree, and KVM's functions that change a slot no longer take the VMM's request.
 * Included by compat.h.
 */
#ifndef L1TUNE_COMPAT_MEMSLOT_H
#define L1TUNE_COMPAT_MEMSLOT_H

#include <linux/kvm_host.h>
#include <linux/ptrace.h>

/* Since 6.8. */
#ifndef KVM_MEM_GUEST_MEMFD
#define KVM_MEM_GUEST_MEMFD	0
#endif

#define L1T_PREPARE_OLD_NEW \
	L1T_IS(kvm_arch_prepare_memory_region, \
	       int(struct kvm *kvm, const struct kvm_memory_slot *old, \
		   struct kvm_memory_slot *new, enum kvm_mr_change change))
#define L1T_PREPARE_NEW_MEM \
	L1T_IS(kvm_arch_prepare_memory_region, \
	       int(struct kvm *kvm, struct kvm_memory_slot *new, \
		   const struct kvm_userspace_memory_region *mem, \
		   enum kvm_mr_change change))
L1T_ONE_FORM(L1T_PREPARE_OLD_NEW, L1T_PREPARE_NEW_MEM,
	     "kvm_arch_prepare_memory_region()");

#define L1T_COMMIT_OLD_NEW \
	L1T_IS(kvm_arch_commit_memory_region, \
	       void(struct kvm *kvm, struct kvm_memory_slot *old, \
		    const struct kvm_memory_slot *new, \
		    enum kvm_mr_change change))
#define L1T_COMMIT_MEM_OLD_NEW \
	L1T_IS(kvm_arch_commit_memory_region, \
	       void(struct kvm *kvm, \
		    const struct kvm_userspace_memory_region *mem, \
		    struct kvm_memory_slot *old, \
		    const struct kvm_memory_slot *new, \
		    enum kvm_mr_change change))
L1T_ONE_FORM(L1T_COMMIT_OLD_NEW, L1T_COMMIT_MEM_OLD_NEW,
	     "kvm_arch_commit_memory_region()");

/**
 * struct l1t_slot_change - how a memory slot of a VM changes
 * @kvm: the VM
 * @old: the slot before the change; NULL if the change creates it
 * @new: the slot after the change; NULL if the change deletes it
 * @as_id: the address space that the slot belongs to
 * @change: what happens to it
 *
 * The slots are KVM's, and valid until the hooked function returns. Before 5.17
 * l1t_prepare_args() sets @old only if a slot moves.
 */
struct l1t_slot_change {
	struct kvm *kvm;
	const struct kvm_memory_slot *old;
	const struct kvm_memory_slot *new;
	int as_id;
	enum kvm_mr_change change;
};

#ifdef L1T_MEMSLOTS_TREE

static_assert(L1T_PREPARE_OLD_NEW && L1T_COMMIT_OLD_NEW,
	      "l1tune: unknown form of memory slot changes in this kernel");

/**
 * l1t_commit_args() - read the arguments of kvm_arch_commit_memory_region()
 * @regs: at its entry
 * @c: filled in
 */
static inline void l1t_commit_args(const struct pt_regs *regs,
				   struct l1t_slot_change *c)
{
	c->kvm = (struct kvm *)regs->di;
	c->old = (const struct kvm_memory_slot *)regs->si;
	c->new = (const struct kvm_memory_slot *)regs->dx;
	c->change = (enum kvm_mr_change)regs->cx;
	c->as_id = (c->new ?: c->old)->as_id;
}

/**
 * l1t_prepare_args() - read the arguments of kvm_arch_prepare_memory_region()
 * @regs: at its entry
 * @c: filled in
 */
static inline void l1t_prepare_args(const struct pt_regs *regs,
				    struct l1t_slot_change *c)
{
	/* The same arguments as kvm_arch_commit_memory_region(). */
	l1t_commit_args(regs, c);
}

/**
 * l1t_memslot_from() - the lowest memory slot that ends above a guest address
 * @slots: one address space of a VM, with its slots_lock or SRCU held
 * @gfn: the guest address, in pages; may be in a slot or between slots
 *
 * Return: the slot or NULL. Takes O(log n).
 */
static inline struct kvm_memory_slot *
l1t_memslot_from(struct kvm_memslots *slots, gfn_t gfn)
{
	struct kvm_memslot_iter iter;

	kvm_memslot_iter_start(&iter, slots, gfn);
	return iter.node ? iter.slot : NULL;
}

#define l1t_for_each_memslot(slot, bkt, slots) \
	kvm_for_each_memslot(slot, bkt, slots)

/**
 * l1t_memslots_pages() - pages of all memory slots of a VM, by KVM's own count
 * @kvm: alive
 * @pages: filled in; internal slots are included
 *
 * KVM counts a slot right before it calls kvm_arch_commit_memory_region().
 *
 * Return: whether this kernel counts them.
 */
static inline bool l1t_memslots_pages(const struct kvm *kvm, u64 *pages)
{
	/* KVM writes it without WRITE_ONCE(), with the VM's slots_lock held. */
	*pages = data_race(READ_ONCE(kvm->nr_memslot_pages));
	return true;
}

#else /* up to 5.16 */

static_assert(L1T_PREPARE_NEW_MEM && L1T_COMMIT_MEM_OLD_NEW,
	      "l1tune: unknown form of memory slot changes in this kernel");

/* In these kernels a slot that does not exist has no pages. */
static inline const struct kvm_memory_slot *l1t_slot_or_null(unsigned long arg)
{
	const struct kvm_memory_slot *slot = (void *)arg;

	return slot->npages ? slot : NULL;
}

/* The upper half of a slot's number is its address space. */
static inline int l1t_as_id_of(unsigned long arg)
{
	const struct kvm_userspace_memory_region *mem = (void *)arg;

	return mem->slot >> 16;
}

static inline void l1t_commit_args(const struct pt_regs *regs,
				   struct l1t_slot_change *c)
{
	c->kvm = (struct kvm *)regs->di;
	c->as_id = l1t_as_id_of(regs->si);
	c->old = l1t_slot_or_null(regs->dx);
	c->new = l1t_slot_or_null(regs->cx);
	c->change = (enum kvm_mr_change)regs->r8;
}

static inline void l1t_prepare_args(const struct pt_regs *regs,
				    struct l1t_slot_change *c)
{
	c->kvm = (struct kvm *)regs->di;
	c->new = l1t_slot_or_null(regs->si);
	c->as_id = l1t_as_id_of(regs->dx);
	c->change = (enum kvm_mr_change)regs->cx;
	c->old = c->change == KVM_MR_MOVE ?
		 id_to_memslot(__kvm_memslots(c->kvm, c->as_id), c->new->id) : NULL;
}

/* The array is sorted from the highest address to the lowest. */
static inline struct kvm_memory_slot *
l1t_memslot_from(struct kvm_memslots *slots, gfn_t gfn)
{
	struct kvm_memory_slot *slot = slots->memslots;
	int above = 0, end = slots->used_slots;

	while (above < end) {
		int middle = above + (end - above) / 2;

		if (slot[middle].base_gfn + slot[middle].npages > gfn)
			above = middle + 1;
		else
			end = middle;
	}
	return above ? &slot[above - 1] : NULL;
}

#define l1t_for_each_memslot(slot, bkt, slots) \
	for (bkt = 0; bkt < 1; bkt++) \
		kvm_for_each_memslot(slot, slots)

static inline bool l1t_memslots_pages(const struct kvm *kvm, u64 *pages)
{
	return false;
}

#endif

#endif
