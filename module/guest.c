// SPDX-License-Identifier: GPL-2.0
/* The registry of guests. life.c adds and removes them. */
#include <linux/hashtable.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "box.h"
#include "exit.h"
#include "find.h"
#include "guest.h"

DEFINE_RAW_SPINLOCK(l1t_lock);
LIST_HEAD(l1t_guests);
LIST_HEAD(l1t_newborn);
struct l1t_ledger l1t_ledger;

static DEFINE_HASHTABLE(guests, 8);
static u64 nr_guests_ever;
static u64 nr_vcpus_ever;

static atomic_t nr_unfreed = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(all_freed);

static struct kmem_cache *guest_cache;
static struct kmem_cache *vcpu_cache;

/* Allocation; nr_unfreed counts what is not freed yet. */

static void guest_free(struct rcu_head *rcu)
{
	struct l1t_guest *g = container_of(rcu, struct l1t_guest, rcu);
	struct l1t_vcpu *v, *next;

	list_for_each_entry_safe(v, next, &g->vcpus, link)
		l1t_vcpu_free(v);
	if (g->cred)
		put_cred(g->cred);
	kmem_cache_free(guest_cache, g);
	if (atomic_dec_and_test(&nr_unfreed))
		wake_up(&all_freed);
}

/*
 * Readers may walk past it in l1t_guests, and past its vCPUs in the hash table; and hooks
 * on a VM that has not ended may still use it, with preemption disabled.
 */
static bool was_under_rcu(const struct l1t_guest *g)
{
	return g->id || g->unobserved || !list_empty(&g->vcpus);
}

/*
 * A refused VM costs its thread little: on busy CPUs, VMs could be refused faster than RCU
 * frees them. So they are freed at once.
 */
static void guest_release(struct device *dev)
{
	struct l1t_guest *g = dev_to_guest(dev);

	l1t_users_free(g->users);
	if (was_under_rcu(g))
		call_rcu(&g->rcu, guest_free);
	else
		guest_free(&g->rcu);
}

/**
 * l1t_guest_alloc() - allocate a guest, not in the registry yet
 *
 * put_device() of its device frees it.
 *
 * Context: may sleep.
 * Return: the guest or NULL.
 */
struct l1t_guest *l1t_guest_alloc(void)
{
	struct l1t_guest *g = kmem_cache_zalloc(guest_cache, GFP_KERNEL_ACCOUNT);

	if (!g)
		return NULL;
	INIT_LIST_HEAD(&g->vcpus);
	INIT_LIST_HEAD(&g->link);
	INIT_LIST_HEAD(&g->newborn);
	INIT_LIST_HEAD(&g->changed);
	mutex_init(&g->keys_lock);
	g->keys[g->nr_keys++] = l1t_key(L1T_LEVEL2, L1T_SLOT_OTHER);
	device_initialize(&g->dev);
	g->dev.release = guest_release;
	atomic_inc(&nr_unfreed);
	return g;
}

/**
 * l1t_vcpu_alloc() - allocate a vCPU block, not in the registry yet
 * @g: the guest that it will belong to
 *
 * Context: may sleep.
 * Return: the block or NULL.
 */
struct l1t_vcpu *l1t_vcpu_alloc(struct l1t_guest *g)
{
	struct l1t_vcpu *v = kmem_cache_zalloc(vcpu_cache, GFP_KERNEL_ACCOUNT);

	if (!v)
		return NULL;
	v->guest = g;
	if (l1t_account_init(&v->acct) || l1t_box_init(&v->acct)) {
		l1t_vcpu_free(v);
		return NULL;
	}
	return v;
}

/**
 * l1t_vcpu_free() - free a block that is not reachable any more
 * @v: from l1t_vcpu_alloc()
 */
void l1t_vcpu_free(struct l1t_vcpu *v)
{
	l1t_start_free(v->start);
	l1t_box_free(v->acct.box);
	l1t_account_free(&v->acct);
	kmem_cache_free(vcpu_cache, v);
}

/*
 * The reserve. A hook cannot allocate, so the blocks for VMs are allocated beforehand.
 * Each creator replaces what it has taken, at its own expense, when its ioctl returns;
 * because it may sleep until then, a worker keeps some available.
 */

#define RESERVE		128

/* With so few left, one user must not take all of them. */
#define RESERVE_SCARCE	(RESERVE / 4)

static LIST_HEAD(reserve);
static unsigned int nr_reserved;
static bool reserving;

static bool add_to_reserve(struct l1t_guest *g)
{
	bool added;

	raw_spin_lock(&l1t_lock);
	added = reserving && nr_reserved < RESERVE;
	if (added) {
		list_add(&g->link, &reserve);
		nr_reserved++;
	}
	raw_spin_unlock(&l1t_lock);
	return added;
}

static bool reserve_one(void)
{
	struct l1t_guest *g = l1t_guest_alloc();

	if (!g || add_to_reserve(g))
		return g;
	put_device(&g->dev);
	return false;
}

static void fill_reserve(struct work_struct *work)
{
	while (READ_ONCE(reserving) && READ_ONCE(nr_reserved) < RESERVE &&
	       reserve_one())
		;
}

static DECLARE_WORK(reserve_work, fill_reserve);

/**
 * l1t_guest_take_reserved() - take a block for a guest from the reserve
 *
 * Context: l1t_lock held.
 * Return: the block, or NULL if none is left.
 */
struct l1t_guest *l1t_guest_take_reserved(void)
{
	struct l1t_guest *g;

	lockdep_assert_held(&l1t_lock);
	if (nr_reserved <= RESERVE - RESERVE_SCARCE)
		queue_work(system_highpri_wq, &reserve_work);
	g = list_first_entry_or_null(&reserve, struct l1t_guest, link);
	if (g) {
		list_del_init(&g->link);
		nr_reserved--;
	}
	return g;
}

/**
 * l1t_guest_reserve_is_scarce() - must the rest of the reserve be shared among users
 *
 * Context: l1t_lock held.
 * Return: true if so few are left.
 */
bool l1t_guest_reserve_is_scarce(void)
{
	return nr_reserved <= RESERVE_SCARCE;
}

/**
 * l1t_guest_reserve() - replace a block that was taken
 *
 * Context: may sleep; on the thread whose VM took it, which is charged.
 */
void l1t_guest_reserve(void)
{
	if (READ_ONCE(nr_reserved) < RESERVE)
		reserve_one();
}

/**
 * l1t_guests_stop_reserving() - free the reserve
 *
 * Context: may sleep; no hook is attached.
 */
void l1t_guests_stop_reserving(void)
{
	struct l1t_guest *g;

	raw_spin_lock(&l1t_lock);
	reserving = false;
	raw_spin_unlock(&l1t_lock);
	cancel_work_sync(&reserve_work);
	while (nr_reserved) {
		raw_spin_lock(&l1t_lock);
		g = l1t_guest_take_reserved();
		raw_spin_unlock(&l1t_lock);
		put_device(&g->dev);
	}
	/* l1t_guest_take_reserved() has queued it again; it adds nothing any more. */
	cancel_work_sync(&reserve_work);
}

/**
 * l1t_guests_init() - prepare for guests
 *
 * Return: 0 or -ENOMEM.
 */
int l1t_guests_init(void)
{
	int err = l1t_accounts_init() ?: l1t_boxes_init();

	/*
	 * Memory of a vCPU with 96 exit reasons, which is more than has been seen: its
	 * account, and everything except its slow exits, which take a page. Lockdep
	 * makes locks and timers larger.
	 */
	BUILD_BUG_ON(sizeof(struct l1t_account) + 96 * sizeof(struct l1t_cell) >
		     32 * SZ_1K);
	BUILD_BUG_ON(!IS_ENABLED(CONFIG_LOCKDEP) &&
		     sizeof(struct l1t_vcpu) + sizeof(struct l1t_box) +
		     (96 + L1T_CELLS_CHUNK) * sizeof(struct l1t_cell) > 36 * SZ_1K);

	if (err)
		goto err_accounts;
	guest_cache = kmem_cache_create("l1tune_guest", sizeof(struct l1t_guest),
					__alignof__(struct l1t_guest), SLAB_ACCOUNT, NULL);
	if (!guest_cache)
		goto err_accounts;
	vcpu_cache = kmem_cache_create("l1tune_vcpu", sizeof(struct l1t_vcpu),
				       __alignof__(struct l1t_vcpu), SLAB_ACCOUNT, NULL);
	if (!vcpu_cache)
		goto err_guests;
	reserving = true;
	fill_reserve(NULL);
	if (nr_reserved < RESERVE)
		goto err_reserve;
	return 0;

err_reserve:
	l1t_guests_stop_reserving();
	l1t_guests_wait_freed();
	kmem_cache_destroy(vcpu_cache);
err_guests:
	kmem_cache_destroy(guest_cache);
err_accounts:
	l1t_boxes_exit();
	l1t_accounts_exit();
	return -ENOMEM;
}

/**
 * l1t_guests_exit() - undo l1t_guests_init()
 *
 * Context: no guest is left in memory, see l1t_guests_wait_freed().
 */
void l1t_guests_exit(void)
{
	kmem_cache_destroy(vcpu_cache);
	kmem_cache_destroy(guest_cache);
	l1t_boxes_exit();
	l1t_accounts_exit();
}

/**
 * l1t_guests_wait_freed() - wait until no guest is left in memory
 *
 * Context: all devices are deleted; module unload.
 */
void l1t_guests_wait_freed(void)
{
	wait_event(all_freed, !atomic_read(&nr_unfreed));
	/* The last callback may not have returned from this module yet. */
	rcu_barrier();
}

/* What guests use. */

/**
 * l1t_guest_use() - a guest uses more, or less; update the ledgers
 * @g: in the registry
 * @kind: of what
 * @more: how much more; may be negative
 *
 * Context: l1t_lock held.
 */
void l1t_guest_use(struct l1t_guest *g, enum l1t_used kind, s64 more)
{
	lockdep_assert_held(&l1t_lock);
	l1t_ledger.of[kind] += more;
	l1t_places_use(&g->places, kind, more);
}

static struct l1t_ledger used_by(const struct l1t_guest *g)
{
	return (struct l1t_ledger){
		.of[L1T_USED_VMS] = g->kvm && !g->refused ? 1 : 0,
		.of[L1T_USED_VCPUS] = g->nr_vcpus,
		.of[L1T_USED_MEMORY] = g->kvm ? g->memory_peak_bytes : 0,
		.of[L1T_USED_NESTED_VMS] = g->nested_holds ? 1 : 0,
		.of[L1T_ASKED_VCPUS] = g->asked_vcpus,
		.of[L1T_ASKED_MEMORY] = g->asked_bytes,
	};
}

/**
 * l1t_guest_join_tenants() - give a guest the places in tenants that it lacks
 * @g: its @cgroup is filled in
 *
 * Context: l1t_lock held.
 */
void l1t_guest_join_tenants(struct l1t_guest *g)
{
	const struct l1t_ledger has = used_by(g);

	l1t_places_join(g->cgroup, &g->places, &has);
}

/**
 * l1t_guest_drop_tenant() - remove a guest from a tenant that is being removed
 * @g: alive, or its counts have not been added to the totals yet
 * @t: the tenant or pattern
 *
 * Context: l1t_lock held.
 */
void l1t_guest_drop_tenant(struct l1t_guest *g, const struct l1t_tenant *t)
{
	const struct l1t_ledger has = used_by(g);

	l1t_places_drop(&g->places, t, &has);
}

/* Entering and leaving the registry. */

/**
 * l1t_guest_enter() - add a guest to the registry
 * @g: the members about its creator and creation are set
 * @kvm: its VM, being created or alive
 *
 * Context: l1t_lock held.
 */
void l1t_guest_enter(struct l1t_guest *g, struct kvm *kvm)
{
	lockdep_assert_held(&l1t_lock);
	g->kvm = kvm;
	hash_add(guests, &g->node, (unsigned long)kvm);
	list_add_tail(&g->newborn, &l1t_newborn);
	l1t_guest_use(g, L1T_USED_VMS, 1);
}

/**
 * l1t_guest_confirm() - a guest's VM has been created
 * @g: in the registry
 *
 * Context: l1t_lock held.
 */
void l1t_guest_confirm(struct l1t_guest *g)
{
	lockdep_assert_held(&l1t_lock);
	g->id = ++nr_guests_ever;
	l1t_places_vm_born(&g->places);
	list_add_tail_rcu(&g->link, &l1t_guests);
}

/**
 * l1t_guest_refuse() - a guest's VM will not exist, though KVM has not freed it yet
 * @g: in the registry, being created
 *
 * Until then, which its VMM can delay, it must not take the place of another.
 *
 * Context: l1t_lock held.
 */
void l1t_guest_refuse(struct l1t_guest *g)
{
	lockdep_assert_held(&l1t_lock);
	if (g->refused)
		return;
	g->refused = true;
	l1t_guest_use(g, L1T_USED_VMS, -1);
}

/**
 * l1t_guest_leave() - remove a guest from the registry, as KVM frees its VM
 * @g: its vCPUs have left, and nothing is reserved for it
 *
 * Context: l1t_lock held.
 */
void l1t_guest_leave(struct l1t_guest *g)
{
	lockdep_assert_held(&l1t_lock);
	hash_del(&g->node);
	list_del_init(&g->newborn);
	if (g->users)
		l1t_users_uncharge(g->users);
	g->kvm = NULL;
	if (!g->refused)
		l1t_guest_use(g, L1T_USED_VMS, -1);
	l1t_guest_use(g, L1T_USED_MEMORY, -(s64)g->memory_peak_bytes);
	/* If it has an id, totals.c has yet to add its counts to its tenants. */
	if (!g->id)
		l1t_places_leave(&g->places);
}

static u64 kvm_exits_of(const struct kvm_vcpu *vcpu)
{
	/* KVM increments it without WRITE_ONCE(), on the vCPU's CPU. */
	return data_race(READ_ONCE(vcpu->stat.exits));
}

/**
 * l1t_vcpu_kvm_exits() - KVM's own count of a vCPU's exits
 * @v: alive or dead
 *
 * Return: the count; of a dead vCPU, the last one.
 */
u64 l1t_vcpu_kvm_exits(const struct l1t_vcpu *v)
{
	u64 exits;

	raw_spin_lock(&l1t_lock);
	exits = v->vcpu ? kvm_exits_of(v->vcpu) : v->kvm_exits;
	raw_spin_unlock(&l1t_lock);
	return exits;
}

/**
 * l1t_vcpu_enter() - add a vCPU to the registry
 * @v: the block
 * @vcpu: KVM's vCPU, alive
 *
 * Context: l1t_lock held. Exits are counted from now on.
 */
void l1t_vcpu_enter(struct l1t_vcpu *v, struct kvm_vcpu *vcpu)
{
	struct l1t_guest *g = v->guest;

	lockdep_assert_held(&l1t_lock);
	v->vcpu = vcpu;
	v->id = vcpu->vcpu_id;
	v->acct.refill.owner = &g->dev;
	v->acct.ask_error.owner = &g->dev;
	if (kvm_exits_of(vcpu))
		v->acct.kvm_exits_base = L1T_BASE_UNKNOWN;
	if (v->start)
		l1t_start_begin(v->start, &v->acct, g->created_ticks);
	list_add_tail_rcu(&v->link, &g->vcpus);
	l1t_find_add(&v->acct, vcpu);
	WRITE_ONCE(g->nr_vcpus, g->nr_vcpus + 1);
	nr_vcpus_ever++;
	l1t_places_vcpu_born(&g->places);
	l1t_guest_use(g, L1T_USED_VCPUS, 1);
}

/**
 * l1t_vcpu_leave() - remove a vCPU from the registry
 * @v: in the registry
 * @readable: KVM has not freed its vCPU yet, and the vCPU no longer runs
 *
 * Context: l1t_lock held.
 */
void l1t_vcpu_leave(struct l1t_vcpu *v, bool readable)
{
	lockdep_assert_held(&l1t_lock);
	l1t_find_remove(&v->acct);
	if (readable) {
		if (v->start)
			l1t_start_close(v->start, &v->acct, v->vcpu);
		l1t_box_close(&v->acct, v->vcpu, v->guest->pid);
		l1t_account_close(&v->acct);
		v->kvm_exits = v->vcpu->stat.exits;
	}
	WRITE_ONCE(v->guest->nr_vcpus, v->guest->nr_vcpus - 1);
	l1t_guest_use(v->guest, L1T_USED_VCPUS, -1);
	WRITE_ONCE(v->vcpu, NULL);
}

/**
 * l1t_guest_find() - look up the guest of a VM
 * @kvm: only compared
 *
 * Context: l1t_lock held.
 * Return: the guest or NULL.
 */
struct l1t_guest *l1t_guest_find(const struct kvm *kvm)
{
	struct l1t_guest *g;

	lockdep_assert_held(&l1t_lock);
	hash_for_each_possible(guests, g, node, (unsigned long)kvm)
		if (g->kvm == kvm)
			return g;
	return NULL;
}

/**
 * l1t_vcpu_find() - look up the block of a vCPU
 * @vcpu: only compared
 *
 * Context: RCU read section or l1t_lock.
 * Return: the block or NULL.
 */
struct l1t_vcpu *l1t_vcpu_find(const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_get(vcpu);

	return acct ? container_of(acct, struct l1t_vcpu, acct) : NULL;
}

/**
 * l1t_guests_ever() - number of guests since load
 *
 * Context: l1t_lock held.
 * Return: the number, without VMs that KVM did not create.
 */
u64 l1t_guests_ever(void)
{
	return nr_guests_ever;
}

/**
 * l1t_vcpus_ever() - number of vCPUs since load
 *
 * Context: l1t_lock held.
 * Return: the number.
 */
u64 l1t_vcpus_ever(void)
{
	return nr_vcpus_ever;
}

/**
 * l1t_guest_had_memory() - charge a guest for its memory, if this is a new peak
 * @g: alive
 * @bytes: its memory now
 *
 * Context: l1t_lock held.
 */
void l1t_guest_had_memory(struct l1t_guest *g, u64 bytes)
{
	lockdep_assert_held(&l1t_lock);
	if (bytes <= g->memory_peak_bytes)
		return;
	l1t_guest_use(g, L1T_USED_MEMORY, bytes - g->memory_peak_bytes);
	WRITE_ONCE(g->memory_peak_bytes, bytes);
}
