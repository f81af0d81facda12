// SPDX-License-Identifier: GPL-2.0
/* The registry of guests, and how guests and vCPUs leave it. */
#include <linux/hashtable.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "exit.h"
#include "guest.h"
#include "nested.h"
#include "ticket.h"

DEFINE_RAW_SPINLOCK(l1t_lock);
LIST_HEAD(l1t_guests);
struct l1t_ledger l1t_ledger;

static DEFINE_HASHTABLE(vcpus, 10);
static DEFINE_HASHTABLE(guests, 8);

/*
 * The dead's counts. A guest is either on l1t_guests or in here, and this
 * lock is held while it goes over, so that totals never go back.
 */
static DEFINE_MUTEX(totals_lock);
static struct l1t_counts dead;
static u64 nr_guests_ever;
static u64 nr_vcpus_ever;

static atomic_t nr_unfreed = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(all_freed);

static struct kmem_cache *vcpu_cache;

/**
 * l1t_guests_init() - get ready for guests
 *
 * Return: 0 or -ENOMEM.
 */
int l1t_guests_init(void)
{
	int err = l1t_accounts_init();

	/* A vCPU with 96 reasons, which is more than is ever seen of one. */
	BUILD_BUG_ON(sizeof(struct l1t_vcpu) +
		     (96 + L1T_CELLS_CHUNK) * sizeof(struct l1t_cell) > 32 * SZ_1K);

	if (err)
		return err;
	vcpu_cache = kmem_cache_create("l1tune_vcpu", sizeof(struct l1t_vcpu),
				       __alignof__(struct l1t_vcpu), 0, NULL);
	if (!vcpu_cache) {
		l1t_accounts_exit();
		return -ENOMEM;
	}
	return 0;
}

/**
 * l1t_guests_exit() - undo l1t_guests_init()
 *
 * Context: no guest is left, see l1t_guests_wait_freed().
 */
void l1t_guests_exit(void)
{
	kmem_cache_destroy(vcpu_cache);
	l1t_accounts_exit();
}

/**
 * l1t_vcpu_alloc() - a vCPU block, not yet in the registry
 *
 * Context: may sleep. Return: the block or NULL.
 */
struct l1t_vcpu *l1t_vcpu_alloc(void)
{
	struct l1t_vcpu *v = kmem_cache_zalloc(vcpu_cache, GFP_KERNEL);

	if (!v)
		return NULL;
	if (l1t_account_init(&v->acct)) {
		l1t_vcpu_free(v);
		return NULL;
	}
	return v;
}

/**
 * l1t_vcpu_free() - free a block that nothing can reach
 * @v: from l1t_vcpu_alloc()
 */
void l1t_vcpu_free(struct l1t_vcpu *v)
{
	l1t_account_free(&v->acct);
	kmem_cache_free(vcpu_cache, v);
}

static void guest_free(struct rcu_head *rcu)
{
	struct l1t_guest *g = container_of(rcu, struct l1t_guest, rcu);
	struct l1t_vcpu *v, *next;

	list_for_each_entry_safe(v, next, &g->vcpus, link)
		l1t_vcpu_free(v);
	if (g->cred)
		put_cred(g->cred);
	kfree(g);
	if (atomic_dec_and_test(&nr_unfreed))
		wake_up(&all_freed);
}

/* Probes may still be passing its vCPU blocks in the look-up table. */
static void guest_release(struct device *dev)
{
	call_rcu(&dev_to_guest(dev)->rcu, guest_free);
}

/**
 * l1t_guest_alloc() - a guest, not yet in the registry
 *
 * put_device() of its device frees it. Context: may sleep. Return: the guest
 * or NULL.
 */
struct l1t_guest *l1t_guest_alloc(void)
{
	struct l1t_guest *g = kzalloc(sizeof(*g), GFP_KERNEL);

	if (!g)
		return NULL;
	INIT_LIST_HEAD(&g->vcpus);
	INIT_LIST_HEAD(&g->link);
	INIT_LIST_HEAD(&g->changed);
	mutex_init(&g->keys_lock);
	l1t_throttle_init(&g->throttle);
	g->keys[g->nr_keys++] = l1t_key(L1T_LEVEL2, L1T_SLOT_OTHER);
	device_initialize(&g->dev);
	g->dev.release = guest_release;
	atomic_inc(&nr_unfreed);
	return g;
}

/**
 * l1t_guest_insert() - a guest enters the registry
 * @g: who and when are filled in
 * @kvm: its VM, alive
 *
 * Context: l1t_lock held.
 */
void l1t_guest_insert(struct l1t_guest *g, struct kvm *kvm)
{
	g->kvm = kvm;
	g->id = ++nr_guests_ever;
	hash_add(guests, &g->node, (unsigned long)kvm);
	list_add_tail_rcu(&g->link, &l1t_guests);
	l1t_ledger.vms++;
	l1t_tickets_vm_counted(kvm);
	l1t_device_changed(g);
}

static u64 kvm_exits_of(const struct kvm_vcpu *vcpu)
{
	/* KVM counts them plainly, on the vCPU's CPU. */
	return data_race(READ_ONCE(vcpu->stat.exits));
}

/**
 * l1t_vcpu_insert() - a vCPU enters the registry
 * @v: the block
 * @g: its guest
 * @vcpu: KVM's vCPU, alive
 *
 * Context: l1t_lock held. Its next exit is counted.
 */
void l1t_vcpu_insert(struct l1t_vcpu *v, struct l1t_guest *g,
		     struct kvm_vcpu *vcpu)
{
	v->vcpu = vcpu;
	v->guest = g;
	v->id = vcpu->vcpu_id;
	if (kvm_exits_of(vcpu))
		v->acct.kvm_exits_base = L1T_BASE_UNKNOWN;
	list_add_tail_rcu(&v->link, &g->vcpus);
	hash_add_rcu(vcpus, &v->node, (unsigned long)vcpu);
	WRITE_ONCE(g->nr_vcpus, g->nr_vcpus + 1);
	nr_vcpus_ever++;
	l1t_ledger.vcpus++;
	l1t_tickets_vcpu_counted(g->kvm, v->id);
	l1t_nested_adopt(v);
	l1t_throttle_vcpu(v);
	l1t_device_changed(g);
}

/**
 * l1t_guest_find() - the guest of a VM, or NULL
 * @kvm: only compared
 *
 * Context: l1t_lock held.
 */
struct l1t_guest *l1t_guest_find(const struct kvm *kvm)
{
	struct l1t_guest *g;

	hash_for_each_possible(guests, g, node, (unsigned long)kvm)
		if (g->kvm == kvm)
			return g;
	return NULL;
}

/**
 * l1t_vcpu_find() - the block of a vCPU, or NULL
 * @vcpu: only compared
 *
 * Context: RCU read section or l1t_lock.
 */
struct l1t_vcpu *l1t_vcpu_find(const struct kvm_vcpu *vcpu)
{
	struct l1t_vcpu *v;

	hash_for_each_possible_rcu(vcpus, v, node, (unsigned long)vcpu,
				   lockdep_is_held(&l1t_lock))
		if (READ_ONCE(v->vcpu) == vcpu)
			return v;
	return NULL;
}

/**
 * l1t_vcpu_get() - keep a vCPU block allocated
 * @v: in the registry
 */
void l1t_vcpu_get(struct l1t_vcpu *v)
{
	get_device(&v->guest->dev);
}

/**
 * l1t_vcpu_put() - undo l1t_vcpu_get()
 * @v: may be freed by this. Context: may sleep.
 */
void l1t_vcpu_put(struct l1t_vcpu *v)
{
	put_device(&v->guest->dev);
}

static void vcpu_leave(struct l1t_vcpu *v)
{
	hash_del_rcu(&v->node);
	l1t_exit_forget(&v->acct);
	l1t_account_close(&v->acct);
	l1t_nested_set(v, false);
	v->kvm_exits = v->vcpu->stat.exits;
	WRITE_ONCE(v->guest->nr_vcpus, v->guest->nr_vcpus - 1);
	l1t_ledger.vcpus--;
	WRITE_ONCE(v->vcpu, NULL);
}

/**
 * l1t_vcpu_gone() - KVM destroys a vCPU
 * @vcpu: no longer running, not freed yet; may be unknown here
 *
 * Context: atomic, from a hook.
 */
void l1t_vcpu_gone(struct kvm_vcpu *vcpu)
{
	struct l1t_vcpu *v;

	raw_spin_lock(&l1t_lock);
	v = l1t_vcpu_find(vcpu);
	if (v)
		vcpu_leave(v);
	raw_spin_unlock(&l1t_lock);
}

static void guest_leave(struct l1t_guest *g)
{
	struct l1t_vcpu *v;

	l1t_tune_release(g);
	list_for_each_entry(v, &g->vcpus, link)
		if (v->vcpu)
			vcpu_leave(v);
	hash_del(&g->node);
	g->kvm = NULL;
	l1t_device_changed(g);
	l1t_ledger.vms--;
	l1t_ledger.memory_bytes -= g->memory_peak_bytes;
}

/**
 * l1t_guest_gone() - KVM frees a VM
 * @kvm: not freed yet; may be unknown here
 *
 * Context: atomic, from a hook.
 */
void l1t_guest_gone(struct kvm *kvm)
{
	struct l1t_guest *g;

	raw_spin_lock(&l1t_lock);
	l1t_tickets_cancel(kvm);
	g = l1t_guest_find(kvm);
	if (g)
		guest_leave(g);
	raw_spin_unlock(&l1t_lock);
	if (g)
		l1t_devices_update();
}

/**
 * l1t_guest_had_memory() - a guest is charged for the most it has had
 * @g: alive
 * @bytes: what it has now
 *
 * Context: l1t_lock held.
 */
void l1t_guest_had_memory(struct l1t_guest *g, u64 bytes)
{
	lockdep_assert_held(&l1t_lock);
	if (bytes <= g->memory_peak_bytes)
		return;
	l1t_ledger.memory_bytes += bytes - g->memory_peak_bytes;
	WRITE_ONCE(g->memory_peak_bytes, bytes);
}

/**
 * l1t_guests_abandon() - let go of all guests, whose VMs live on
 *
 * For when the hooks that tell of their end are gone. Context: probes are
 * unregistered and no longer running.
 */
void l1t_guests_abandon(void)
{
	struct l1t_guest *g;

	raw_spin_lock(&l1t_lock);
	list_for_each_entry(g, &l1t_guests, link) {
		if (!g->kvm)
			continue;
		l1t_tickets_cancel(g->kvm);
		guest_leave(g);
	}
	raw_spin_unlock(&l1t_lock);
	l1t_devices_update();
}

/**
 * l1t_guest_retire() - a guest that is gone joins the dead in the totals
 * @g: its VM is gone; its own counts stay readable
 *
 * Context: devices workqueue.
 */
void l1t_guest_retire(struct l1t_guest *g)
{
	mutex_lock(&totals_lock);
	l1t_guest_counts(g, &dead);
	raw_spin_lock(&l1t_lock);
	list_del_init(&g->link);
	raw_spin_unlock(&l1t_lock);
	mutex_unlock(&totals_lock);
}

/**
 * l1t_guests_wait_freed() - wait until no guest is left in memory
 *
 * Context: all devices are deleted; module unload.
 */
void l1t_guests_wait_freed(void)
{
	wait_event(all_freed, !atomic_read(&nr_unfreed));
	/* The last callback may still be on its way out of this module. */
	rcu_barrier();
}

/**
 * l1t_vcpu_counts() - add a vCPU's counts to a sum
 * @v: alive or dead
 * @sum: takes them
 *
 * Exits that KVM counted and did not trace are @sum->untraced; while an exit
 * is being handled one of the two may be a step ahead.
 */
void l1t_vcpu_counts(struct l1t_vcpu *v, struct l1t_counts *sum)
{
	const struct l1t_account *acct = &v->acct;
	unsigned int n, cells = l1t_account_cells(acct);
	struct l1t_sample s = {};
	u64 kvm_exits, base;
	unsigned int i;

	for (n = 0; n < cells; n++)
		l1t_account_add_cell(acct, n, &s);

	raw_spin_lock(&l1t_lock);
	kvm_exits = v->vcpu ? kvm_exits_of(v->vcpu) : v->kvm_exits;
	raw_spin_unlock(&l1t_lock);
	base = READ_ONCE(acct->kvm_exits_base);

	sum->exits += s.count;
	sum->exit_time_ns += s.time_ns;
	sum->guest_time_ns += l1t_account_guest_ns(acct);
	for (i = 0; i < L1T_PARTS; i++)
		sum->parts_ns[i] += s.parts_ns[i];
	if (base != L1T_BASE_UNKNOWN && kvm_exits > base + s.count)
		sum->untraced += kvm_exits - base - s.count;
	sum->unpaired_entries += READ_ONCE(acct->unpaired_entries);
	sum->lost_cells += READ_ONCE(acct->lost_cells);
	sum->l3_entries += READ_ONCE(acct->l3_entries);
	sum->l3_exits_handled += READ_ONCE(acct->l3_exits_handled);
	sum->l3_exits_left += READ_ONCE(acct->l3_exits_left);
}

/**
 * l1t_guest_counts() - add a guest's counts to a sum
 * @g: alive or dead
 * @sum: takes them
 */
void l1t_guest_counts(struct l1t_guest *g, struct l1t_counts *sum)
{
	struct l1t_vcpu *v;

	/* Entries outlive @g's readers; RCU orders the list's growth. */
	list_for_each_entry_rcu(v, &g->vcpus, link, true)
		l1t_vcpu_counts(v, sum);
}

/**
 * l1t_totals() - sums over all guests, living and dead
 * @t: filled in
 *
 * Context: may sleep.
 */
void l1t_totals(struct l1t_totals *t)
{
	struct l1t_guest *g;

	mutex_lock(&totals_lock);
	*t = (struct l1t_totals){ .counts = dead };
	/*
	 * Guests leave the list only under totals_lock and join it at its
	 * end, so it can be walked without the spinlock.
	 */
	list_for_each_entry_rcu(g, &l1t_guests, link, true)
		l1t_guest_counts(g, &t->counts);
	raw_spin_lock(&l1t_lock);
	t->vms = nr_guests_ever;
	t->vcpus = nr_vcpus_ever;
	raw_spin_unlock(&l1t_lock);
	mutex_unlock(&totals_lock);
}
