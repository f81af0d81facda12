/* SPDX-License-Identifier: GPL-2.0 */
/*
 * L2 guests and their vCPUs, and how long they live.
 *
 * A guest is in the registry from the start of KVM_CREATE_VM, when it takes a block
 * from the reserve, until KVM frees the VM, even if its creation fails. Once the ioctl
 * has succeeded it has an id and is on l1t_guests, until the devices workqueue has
 * added its counts to those of ended guests. It is freed an RCU grace period after
 * the last reference to its device is dropped, together with its vCPUs.
 */
#ifndef L1TUNE_GUEST_H
#define L1TUNE_GUEST_H

#include <linux/device.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sysfs.h>

#include "account.h"
#include "lock.h"
#include "places.h"
#include "start.h"
#include "user.h"
#include "work.h"

struct l1t_guest;

#define L1T_VCPU_FILES	6

/* Error numbers of VMX instructions are below this. */
#define L1T_VMFAILS	29

/**
 * struct l1t_vcpu - a vCPU of an L2
 * @acct: its exits
 * @link: in its guest's @vcpus
 * @guest: its guest
 * @vcpu: KVM's vCPU; NULL once it is destroyed; l1t_lock
 * @id: as in KVM_CREATE_VCPU
 * @start: how its guest starts; NULL: it is not the boot vCPU, or older than the
 *	module
 * @kvm_exits: KVM's own exits statistic when the vCPU was destroyed
 * @published: it has a directory in sysfs; devices workqueue only
 * @nested: it uses VMX or SVM itself, as far as nested.c tracks that; l1t_lock
 * @nested_asked: it may begin to, until @nested_end has run; l1t_lock
 * @nested_end: gives back a place that was asked for and not used
 * @vmfails: failed VMX instructions by error number; written by its thread
 * @dir: name of its directory in sysfs
 * @files: in @dir
 */
struct l1t_vcpu {
	struct l1t_account acct;
	struct list_head link;
	struct l1t_guest *guest;
	struct kvm_vcpu *vcpu;
	u32 id;
	struct l1t_start *start;
	u64 kvm_exits;
	bool published;
	bool nested;
	bool nested_asked;
	struct l1t_work nested_end;
	u64 vmfails[L1T_VMFAILS];
	char dir[16];
	struct bin_attribute files[L1T_VCPU_FILES];
};

/**
 * struct l1t_call - a thread's ioctl on KVM, for a guest
 * @work: runs when the ioctl returns
 * @guest: the guest
 * @used: a thread is in it; l1t_lock
 * @creates_vm: the ioctl is KVM_CREATE_VM
 * @drops_guest: the VM will not exist: the call now owns the registry's reference to
 *	the guest; l1t_lock
 * @asked_vcpu: a vCPU is reserved in the ledger; l1t_lock
 * @asked_bytes: memory that is reserved in the ledger; l1t_lock
 * @new_vcpu: created, and has no block yet; NULL once it is destroyed; l1t_lock
 * @boots: @new_vcpu is the boot vCPU
 */
struct l1t_call {
	struct l1t_work work;
	struct l1t_guest *guest;
	bool used;
	bool creates_vm;
	bool drops_guest;
	bool asked_vcpu;
	u64 asked_bytes;
	struct kvm_vcpu *new_vcpu;
	bool boots;
};

/*
 * Threads of one VM that may be in such ioctls at once. If its VMM has more, only its
 * own calls are affected.
 */
#define L1T_CALLS	16

/**
 * struct l1t_throttle - a guest's pace
 * @lock: protects the other members, and the leases of its vCPUs against all but the
 *	vCPUs themselves
 * @rate: exits per second, or L1T_NO_LIMIT or L1T_RATE_DEFAULT
 * @limit: tokens for exits
 * @audit: the same for the audit threshold
 */
struct l1t_throttle {
	raw_spinlock_t lock;
	u64 rate;
	struct l1t_bucket limit;
	struct l1t_bucket audit;
};

/**
 * struct l1t_tuned - what is tuned for a guest
 * @decided: settings for future guests do not affect this one any more
 * @polls: its halt polling has been set by this module
 * @overrode: before that the VM overrode KVM's parameter
 * @poll_ns: the value that was set
 * @poll_ns_before: the value before
 */
struct l1t_tuned {
	bool decided;
	bool polls;
	bool overrode;
	u32 poll_ns;
	u32 poll_ns_before;
};

/* One key per reason and level; further ones count as OTHER. */
#define L1T_GUEST_KEYS	256

/**
 * struct l1t_guest - an L2
 * @dev: l2-<id>
 * @rcu: frees it
 * @node: in the hash table, by @kvm
 * @link: in l1t_guests, or in the reserve
 * @newborn: among guests that are not charged to @users yet; l1t_lock
 * @changed: among guests whose devices must be updated; l1t_lock
 * @kvm: KVM's VM; NULL once KVM frees it; l1t_lock
 * @vcpus: only grows, and entries live as long as the guest; RCU for readers
 * @id: never reused while the module is loaded; 0 while its VM is being created
 * @nr_vcpus: living vCPUs; l1t_lock
 * @asked_vcpus: vCPUs that are reserved in the ledger: those being created, and
 *	@created_vcpus; l1t_lock
 * @created_vcpus: by index: vCPUs that KVM has created, and that have no block; l1t_lock
 * @no_memory_until: in jiffies: until then none is allocated for a vCPU that runs
 * @creator: the thread that created the VM; only compared, while @id is 0
 * @pid: the VMM's process, in the initial PID namespace
 * @cred: credentials of the VM's creator
 * @users: who is charged for it; NULL while newborn
 * @cgroup: path of the cgroup in which it was created
 * @places: the tenants that it belongs to, which are charged for it
 * @comm: the VMM's name when it was created
 * @adopted: older than the module
 * @is_born: its creation was observed
 * @unobserved: it has left the registry, but KVM has not freed its VM; l1t_lock
 * @refused: its creation was refused, so it uses nothing; l1t_lock
 * @start_kept: its start is recorded, see started.c
 * @created_ns: CLOCK_BOOTTIME; for an adopted guest, when it was found
 * @created_ticks: the same by l1t_ticks(); 0 if adopted
 * @memory_ticks: when it got its first memory; 0: not yet; l1t_lock
 * @memory_bytes: in user memory slots, see memory.c; written with the VM's
 *	slots_lock held
 * @slot_bytes: of all its user memory slots, which is the most that @memory_bytes can
 *	be; l1t_lock
 * @slots_changing: @slot_bytes was set while a slot may have been changing, so the next
 *	change sets it again; l1t_lock
 * @memory_peak_bytes: the highest @memory_bytes, which it is charged for; l1t_lock
 * @asked_bytes: memory beyond the peak that is being added, and is reserved in the
 *	ledger; l1t_lock
 * @nested_holds: vCPUs that use VMX or SVM, or may begin to; l1t_lock
 * @throttle: its pace
 * @tune: what has been tuned for it; l1t_lock
 * @published: its device has been added; devices workqueue only
 * @denied: the limit that last refused it something, plus 1; 0: none
 * @keys_lock: protects @keys and @nr_keys
 * @nr_keys: used entries of @keys
 * @keys: exit reasons in the order of its statistics file
 * @calls: of its VMM's threads; l1t_lock
 */
struct l1t_guest {
	struct device dev;
	struct rcu_head rcu;
	struct hlist_node node;
	struct list_head link;
	struct list_head newborn;
	struct list_head changed;
	struct kvm *kvm;
	struct list_head vcpus;
	u64 id;
	u32 nr_vcpus;
	u32 asked_vcpus;
	DECLARE_BITMAP(created_vcpus, KVM_MAX_VCPUS);
	unsigned long no_memory_until;
	const struct task_struct *creator;
	pid_t pid;
	const struct cred *cred;
	struct l1t_users *users;
	char cgroup[L1T_CGROUP_BYTES];
	struct l1t_places places;
	char comm[TASK_COMM_LEN];
	bool adopted;
	bool is_born;
	bool unobserved;
	bool refused;
	bool start_kept;
	u64 created_ns;
	u64 created_ticks;
	u64 memory_ticks;
	u64 memory_bytes;
	u64 slot_bytes;
	bool slots_changing;
	u64 memory_peak_bytes;
	u64 asked_bytes;
	u32 nested_holds;
	struct l1t_throttle throttle;
	struct l1t_tuned tune;
	bool published;
	unsigned int denied;
	struct mutex keys_lock;
	unsigned int nr_keys;
	u16 keys[L1T_GUEST_KEYS];
	struct l1t_call calls[L1T_CALLS];
};

#define dev_to_guest(d)	container_of(d, struct l1t_guest, dev)

extern struct list_head l1t_guests;
extern struct list_head l1t_newborn;
extern struct l1t_ledger l1t_ledger;

int l1t_guests_init(void);
void l1t_guests_exit(void);
void l1t_guests_wait_freed(void);

struct l1t_guest *l1t_guest_alloc(void);
struct l1t_guest *l1t_guest_take_reserved(void);
bool l1t_guest_reserve_is_scarce(void);
void l1t_guest_reserve(void);
void l1t_guests_stop_reserving(void);
struct l1t_vcpu *l1t_vcpu_alloc(struct l1t_guest *g);
void l1t_vcpu_free(struct l1t_vcpu *v);

void l1t_guest_enter(struct l1t_guest *g, struct kvm *kvm);
void l1t_guest_confirm(struct l1t_guest *g);
void l1t_guest_refuse(struct l1t_guest *g);
void l1t_guest_leave(struct l1t_guest *g);
void l1t_vcpu_enter(struct l1t_vcpu *v, struct kvm_vcpu *vcpu);
void l1t_vcpu_leave(struct l1t_vcpu *v, bool readable);
struct l1t_guest *l1t_guest_find(const struct kvm *kvm);
struct l1t_vcpu *l1t_vcpu_find(const struct kvm_vcpu *vcpu);
void l1t_guest_had_memory(struct l1t_guest *g, u64 bytes);
void l1t_guest_use(struct l1t_guest *g, enum l1t_used kind, s64 more);
void l1t_guest_join_tenants(struct l1t_guest *g);
void l1t_guest_drop_tenant(struct l1t_guest *g, const struct l1t_tenant *t);
u64 l1t_vcpu_kvm_exits(const struct l1t_vcpu *v);
u64 l1t_guests_ever(void);
u64 l1t_vcpus_ever(void);

#endif
