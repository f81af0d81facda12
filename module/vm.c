// SPDX-License-Identifier: GPL-2.0
#include <linux/cred.h>
#include <linux/list.h>
#include <linux/pid.h>
#include <linux/poison.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/timekeeping.h>

#include "compat.h"
#include "vm.h"

/**
 * l1t_vm_listed() - is a VM fully created and not yet being destroyed
 * @kvm: not freed
 *
 * A VM is on KVM's list between those two, and stays on it while the list's
 * lock is held. Context: l1t_vms_lock() held.
 */
bool l1t_vm_listed(const struct kvm *kvm)
{
	return kvm->vm_list.next && kvm->vm_list.next != LIST_POISON1;
}

/*
 * The larger of the address spaces: QEMU puts its RAM into both, the second
 * is for System Management Mode. KVM's internal slots do not count.
 */
static u64 memory_bytes(struct kvm *kvm, int more_as_id, u64 more_pages)
{
	u64 pages, most = 0;
	int as_id;

	for (as_id = 0; as_id < L1T_ADDRESS_SPACES; as_id++) {
		struct kvm_memslots *slots = __kvm_memslots(kvm, as_id);
		struct kvm_memory_slot *slot;
		int bkt;

		pages = as_id == more_as_id ? more_pages : 0;
		l1t_for_each_memslot(slot, bkt, slots)
			if (slot->id < KVM_USER_MEM_SLOTS)
				pages += slot->npages;
		most = max(most, pages);
	}
	return most << PAGE_SHIFT;
}

/**
 * l1t_vm_memory_bytes() - guest address space in user memory slots
 * @kvm: listed
 */
u64 l1t_vm_memory_bytes(struct kvm *kvm)
{
	u64 bytes;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	bytes = memory_bytes(kvm, 0, 0);
	srcu_read_unlock(&kvm->srcu, idx);
	return bytes;
}

/**
 * l1t_vm_memory_bytes_with() - guest address space with one slot more
 * @kvm: with its slots_lock held by this thread
 * @as_id: the slot's address space
 * @npages: its size
 */
u64 l1t_vm_memory_bytes_with(struct kvm *kvm, int as_id, u64 npages)
{
	return memory_bytes(kvm, as_id, npages);
}

static void identify_by_task(struct task_struct *task, struct l1t_guest *g)
{
	g->pid = task_tgid_nr(task);
	get_task_comm(g->comm, task->group_leader);
}

/* The thread that created the VM may be long gone, its process is not. */
static struct task_struct *find_vmm(struct kvm *kvm)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_pid_ns(kvm->userspace_pid, &init_pid_ns),
			PIDTYPE_PID);
#ifdef CONFIG_MEMCG
	if (!task || READ_ONCE(task->mm) != kvm->mm)
		task = rcu_dereference(kvm->mm->owner);
#endif
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	return task;
}

/**
 * l1t_vm_identify() - who created a VM, and when
 * @kvm: listed
 * @g: gets @pid, @cred, @comm, @created_ns and @adopted
 *
 * Exact when a thread of the VMM asks, on its way out of the ioctl that
 * created the VM. Else the guest is older than this module: its owner's
 * present credentials stand for the creator's, or root's if there is none.
 */
void l1t_vm_identify(struct kvm *kvm, struct l1t_guest *g)
{
	struct task_struct *task;

	g->created_ns = ktime_get_boottime_ns();
	if (current->mm == kvm->mm) {
		g->cred = get_current_cred();
		identify_by_task(current, g);
		return;
	}

	g->adopted = true;
	g->pid = kvm->userspace_pid;
	task = find_vmm(kvm);
	g->cred = get_task_cred(task ?: &init_task);
	if (!task)
		return;
	identify_by_task(task, g);
	put_task_struct(task);
}
