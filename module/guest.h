/* SPDX-License-Identifier: GPL-2.0 */
/*
 * L2 guests and their vCPUs: who they are, how long they live.
 *
 * A guest is in the registry from its birth (birth.c) until its VM is gone
 * and the devices workqueue has folded its counts into the totals of the
 * dead. It is freed when the last reference to its device is dropped, after
 * a grace period; its vCPUs are freed with it.
 */
#ifndef L1TUNE_GUEST_H
#define L1TUNE_GUEST_H

#include <linux/device.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>

#include "account.h"
#include "throttle.h"
#include "tune.h"

struct l1t_guest;

/**
 * struct l1t_vcpu - a vCPU of an L2
 * @acct: its exits
 * @node: in the look-up table, by @vcpu; RCU
 * @link: in its guest's @vcpus
 * @guest: whose it is
 * @vcpu: KVM's vCPU; NULL once that is destroyed; l1t_lock
 * @id: as in KVM_CREATE_VCPU
 * @kvm_exits: KVM's own exits statistic when the vCPU was destroyed
 * @published: has its directory in sysfs; devices workqueue only
 * @nested: uses VMX or SVM itself, as far as nested.c tracks that; l1t_lock
 * @pace: sees to the next lease, on the vCPU's thread
 * @pace_queued: it waits to run
 * @dir: name of that directory
 * @stats: the file in it
 */
struct l1t_vcpu {
	struct l1t_account acct;
	struct hlist_node node;
	struct list_head link;
	struct l1t_guest *guest;
	struct kvm_vcpu *vcpu;
	u32 id;
	u64 kvm_exits;
	bool published;
	bool nested;
	bool pace_queued;
	struct callback_head pace;
	char dir[16];
	struct bin_attribute stats;
};

/* One key for each reason at each level; more than this go to OTHER. */
#define L1T_GUEST_KEYS	256

/**
 * struct l1t_guest - an L2
 * @dev: l2-<id>
 * @rcu: frees it
 * @node: in the look-up table, by @kvm
 * @link: in l1t_guests
 * @changed: among those whose devices are to be brought up to date; l1t_lock
 * @kvm: KVM's VM; NULL once it is gone; l1t_lock
 * @vcpus: grows only, entries live as long as the guest; RCU for readers
 * @id: never reused while the module is loaded
 * @nr_vcpus: living ones; l1t_lock
 * @pid: VMM's process, in the initial PID namespace
 * @cred: who created the VM
 * @comm: the VMM's name for itself then
 * @adopted: older than the module
 * @created_ns: CLOCK_BOOTTIME; of an adopted guest, when it was found
 * @memory_bytes: address space in user memory slots, written by birth.c only
 * @memory_peak_bytes: the most it has been, which is what it is charged for;
 *	l1t_lock
 * @nested_holds: vCPUs that use VMX or SVM, and threads about to; l1t_lock
 * @throttle: its pace
 * @tune: what has been tuned of it; l1t_lock
 * @published: its device has been added; devices workqueue only
 * @keys_lock: protects @keys and @nr_keys
 * @nr_keys: how many
 * @keys: exit reasons in the order in which its statistics file has them
 */
struct l1t_guest {
	struct device dev;
	struct rcu_head rcu;
	struct hlist_node node;
	struct list_head link;
	struct list_head changed;
	struct kvm *kvm;
	struct list_head vcpus;
	u32 id;
	u32 nr_vcpus;
	pid_t pid;
	const struct cred *cred;
	char comm[TASK_COMM_LEN];
	bool adopted;
	u64 created_ns;
	u64 memory_bytes;
	u64 memory_peak_bytes;
	u32 nested_holds;
	struct l1t_throttle throttle;
	struct l1t_tuned tune;
	bool published;
	struct mutex keys_lock;
	unsigned int nr_keys;
	u16 keys[L1T_GUEST_KEYS];
};

#define dev_to_guest(d)	container_of(d, struct l1t_guest, dev)

/**
 * struct l1t_counts - what is summed over vCPUs and guests
 */
struct l1t_counts {
	u64 exits;
	u64 exit_time_ns;
	u64 guest_time_ns;
	u64 untraced;
	u64 parts_ns[L1T_PARTS];
	u64 unpaired_entries;
	u64 lost_cells;
	u64 l3_entries;
	u64 l3_exits_handled;
	u64 l3_exits_left;
};

/**
 * struct l1t_totals - everything since load, the dead included
 */
struct l1t_totals {
	struct l1t_counts counts;
	u64 vms;
	u64 vcpus;
};

/**
 * struct l1t_ledger - what living guests have; l1t_lock
 * @vms: guests
 * @vcpus: vCPUs of theirs
 * @memory_bytes: the most memory that each of them has had
 * @nested_vms: guests that use VMX or SVM themselves, while that is tracked
 */
struct l1t_ledger {
	u32 vms;
	u32 vcpus;
	u32 nested_vms;
	u64 memory_bytes;
};

/*
 * Taken by KVM's hooks, so it is a spinning lock, and short. It protects the
 * tables, the list of guests, and every pointer of ours to a struct kvm or
 * kvm_vcpu: hooks on their destruction clear those under it, before KVM
 * frees the memory.
 */
extern raw_spinlock_t l1t_lock;
extern struct list_head l1t_guests;
extern struct l1t_ledger l1t_ledger;

int l1t_guests_init(void);
void l1t_guests_exit(void);
struct l1t_guest *l1t_guest_alloc(void);
struct l1t_vcpu *l1t_vcpu_alloc(void);
void l1t_vcpu_free(struct l1t_vcpu *v);
void l1t_guest_insert(struct l1t_guest *g, struct kvm *kvm);
void l1t_vcpu_insert(struct l1t_vcpu *v, struct l1t_guest *g,
		     struct kvm_vcpu *vcpu);
struct l1t_guest *l1t_guest_find(const struct kvm *kvm);
struct l1t_vcpu *l1t_vcpu_find(const struct kvm_vcpu *vcpu);
void l1t_vcpu_get(struct l1t_vcpu *v);
void l1t_vcpu_put(struct l1t_vcpu *v);
void l1t_vcpu_gone(struct kvm_vcpu *vcpu);
void l1t_guest_gone(struct kvm *kvm);
void l1t_guest_had_memory(struct l1t_guest *g, u64 bytes);
void l1t_guest_retire(struct l1t_guest *g);
void l1t_guests_abandon(void);
void l1t_guests_wait_freed(void);

void l1t_vcpu_counts(struct l1t_vcpu *v, struct l1t_counts *sum);
void l1t_guest_counts(struct l1t_guest *g, struct l1t_counts *sum);
void l1t_totals(struct l1t_totals *t);

/* birth.c */
struct l1t_demand;

int l1t_birth_demand(const struct l1t_demand *demand);
void l1t_guest_missing(struct kvm *kvm);
void l1t_memory_changed(struct kvm *kvm);
void l1t_birth_adopt(void);
void l1t_birth_drain(void);

/* device.c */
void l1t_device_changed(struct l1t_guest *g);
void l1t_devices_update(void);
int l1t_devices_init(void);
void l1t_devices_exit(void);

#endif
