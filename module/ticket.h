/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A ticket is what a thread holds from the moment it asks KVM for something
 * until its ioctl returns: it says which VM the registry has to look at then,
 * and, where a limit is in force, keeps the place that was granted meanwhile.
 */
#ifndef L1TUNE_TICKET_H
#define L1TUNE_TICKET_H

#include <linux/cred.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/task_work.h>

/**
 * struct l1t_demand - what a thread asks KVM for
 * @kvm: for which VM; NULL once that is gone
 * @vm: this VM
 * @vcpu: a vCPU of it
 * @vcpu_id: as in KVM_CREATE_VCPU
 * @memory_bytes: more memory slots: what the VM has with them; 0: none
 * @nested: that it uses VMX or SVM itself
 * @restore: by restored state rather than by an instruction
 */
struct l1t_demand {
	struct kvm *kvm;
	bool vm;
	bool vcpu;
	u32 vcpu_id;
	u64 memory_bytes;
	bool nested;
	bool restore;
};

/**
 * struct l1t_ticket - a demand that KVM is at
 * @work: runs when the thread leaves the kernel
 * @link: in the free or the used ones
 * @node: among the used ones, by @task
 * @task: the thread
 * @cred: whose VM it will be, if @demand.vm
 * @demand: granted, and not yet counted elsewhere
 */
struct l1t_ticket {
	struct callback_head work;
	struct list_head link;
	struct hlist_node node;
	const struct task_struct *task;
	const struct cred *cred;
	struct l1t_demand demand;
};

/**
 * struct l1t_places - what tickets hold
 * @vms: VMs being created
 * @user_vms: those that a certain user is charged for
 * @vcpus: vCPUs being created
 * @vm_vcpus: those of a certain VM
 * @memory_bytes: memory being added, beyond what its VMs have had before
 */
struct l1t_places {
	u32 vms;
	u32 user_vms;
	u32 vcpus;
	u32 vm_vcpus;
	u64 memory_bytes;
};

struct l1t_ticket *l1t_ticket_find(const struct kvm *kvm);
struct l1t_ticket *l1t_ticket_take(struct kvm *kvm);
void l1t_ticket_add(struct l1t_ticket *ticket, const struct l1t_demand *demand);
void l1t_ticket_put(struct l1t_ticket *ticket);
void l1t_tickets_vm_counted(const struct kvm *kvm);
void l1t_tickets_vcpu_counted(const struct kvm *kvm, u32 vcpu_id);
void l1t_tickets_cancel(const struct kvm *kvm);
void l1t_tickets_places(const struct kvm *kvm, kuid_t uid, struct l1t_places *sum);
void l1t_tickets_wait_returned(void);
bool l1t_cred_charges(const struct cred *cred, kuid_t uid);

#endif
