// SPDX-License-Identifier: GPL-2.0
/*
 * The memory slots of a guest as text: which guest-physical addresses are which
 * addresses of the VMM.
 *
 * They are read from KVM when the file is read, and not recorded: the hooks could not
 * allocate memory for them, and a VMM may have 32764 in each address space. A reader
 * cannot hold a reference to the VM, because only a function of kvm.ko can drop it, so
 * l1t_lock keeps the VM. KVM frees the slots after it has destroyed the vCPUs, each of
 * which leaves the registry under l1t_lock: while a vCPU is in the registry, the slots
 * exist. SRCU keeps those that are being replaced.
 *
 * The lock is held briefly: at most STEPS slots are copied at a time, and the next ones
 * are looked up by address. Slots may change in between, so each line has KVM's
 * generation of the set of slots that it is from.
 */
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/srcu.h>
#include <linux/string.h>

#include "compat.h"
#include "guest.h"
#include "lines.h"
#include "memory.h"
#include "memslots.h"

#define STEPS		16

/* VMMs have some dozens. If there are more slots than this, "more" follows. */
#define MOST_LINES	1024

/* All lines have the same length, so the offset in the file tells the line. */
#define LINE_FORMAT	"%u %5d 0x%016llx %20llu 0x%016llx 0x%04x %20llu\n"
#define LINE_BYTES	(1 + 1 + 5 + 1 + 18 + 1 + 20 + 1 + 18 + 1 + 6 + 1 + 20 + 1)

/* The flags of KVM_SET_USER_MEMORY_REGION; higher ones are KVM's own. */
#define USER_FLAGS	0xffff

struct slot_copy {
	unsigned int as_id;
	int id;
	u64 gpa;
	u64 bytes;
	u64 hva;
	u32 flags;
	u64 generation;
};

/**
 * struct slot_walk - position of a reader
 * @as_id: the address space; L1T_ADDRESS_SPACES after the last slot
 * @gfn: the next slot ends above this
 * @nr: slots in @copies
 * @copies: the slots found by the last steps
 */
struct slot_walk {
	unsigned int as_id;
	gfn_t gfn;
	unsigned int nr;
	struct slot_copy copies[STEPS];
};

static void copy_slot(struct slot_walk *walk, const struct kvm_memslots *slots,
		      const struct kvm_memory_slot *slot)
{
	/* The guest cannot use a slot that is being deleted or moved. */
	if (!l1t_is_user_slot(slot) || slot->flags & KVM_MEMSLOT_INVALID)
		return;
	walk->copies[walk->nr++] = (struct slot_copy) {
		.as_id = walk->as_id,
		.id = slot->id,
		.gpa = slot->base_gfn << PAGE_SHIFT,
		.bytes = (u64)slot->npages << PAGE_SHIFT,
		.hva = slot->userspace_addr,
		.flags = slot->flags & USER_FLAGS,
		/* KVM writes it without WRITE_ONCE(), after readers have left the old set. */
		.generation = data_race(READ_ONCE(slots->generation)),
	};
}

/* Context: l1t_lock and the VM's SRCU are held, and the VM has a vCPU. */
static void take_steps(struct slot_walk *walk, struct kvm *kvm)
{
	const struct kvm_memory_slot *slot;
	struct kvm_memslots *slots;
	unsigned int steps;

	for (steps = 0; steps < STEPS && walk->as_id < L1T_ADDRESS_SPACES; steps++) {
		slots = __kvm_memslots(kvm, walk->as_id);
		slot = l1t_memslot_from(slots, walk->gfn);
		if (slot) {
			copy_slot(walk, slots, slot);
			walk->gfn = slot->base_gfn + slot->npages;
		} else {
			walk->as_id++;
			walk->gfn = 0;
		}
	}
}

static int find_next_slots(struct slot_walk *walk, struct l1t_guest *g)
{
	int err = 0, index;

	walk->nr = 0;
	raw_spin_lock(&l1t_lock);
	if (!g->kvm) {
		err = -ENODEV;
	} else if (!g->nr_vcpus) {
		err = -ENODATA;
	} else {
		index = srcu_read_lock(&g->kvm->srcu);
		take_steps(walk, g->kvm);
		srcu_read_unlock(&g->kvm->srcu, index);
	}
	raw_spin_unlock(&l1t_lock);
	return err;
}

static void format_line(char *line, size_t size, const struct slot_copy *slot)
{
	snprintf(line, size, LINE_FORMAT, slot->as_id, slot->id, slot->gpa,
		 slot->bytes, slot->hva, slot->flags, slot->generation);
}

/**
 * l1t_memslots_read() - read from a guest's memslots file
 * @g: the guest
 * @buf: buffer
 * @pos: offset in the file
 * @count: bytes wanted
 *
 * Context: may sleep.
 * Return: bytes read; 0 at the end; -ENODEV if the VM has been freed, -ENODATA if it has no
 * vCPU.
 */
ssize_t l1t_memslots_read(struct l1t_guest *g, char *buf, loff_t pos,
			  size_t count)
{
	struct slot_walk walk = {};
	char line[LINE_BYTES + 1];
	loff_t at = 0;
	unsigned int i;
	int err;

	while (walk.as_id < L1T_ADDRESS_SPACES && at < pos + count &&
	       at <= MOST_LINES * LINE_BYTES) {
		err = find_next_slots(&walk, g);
		if (err)
			return err;
		for (i = 0; i < walk.nr && at <= MOST_LINES * LINE_BYTES; i++) {
			if (at < MOST_LINES * LINE_BYTES)
				format_line(line, sizeof(line), &walk.copies[i]);
			else
				snprintf(line, sizeof(line), "%-*s\n",
					 LINE_BYTES - 1, "more");
			l1t_put(buf, pos, count, at, line, LINE_BYTES);
			at += LINE_BYTES;
		}
		cond_resched();
	}
	return at > pos ? min_t(loff_t, at - pos, count) : 0;
}
