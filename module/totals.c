// SPDX-License-Identifier: GPL-2.0
/*
 * Sums over vCPUs, guests and tenants.
 *
 * To compute totals, every cell of every guest is read, which takes cache lines from
 * the CPUs that write them. So they are computed at most ten times a second, however
 * many readers there are, and are cached in between.
 */
#include <linux/jiffies.h>

#include "exit.h"
#include "hook.h"
#include "totals.h"

/*
 * Counts of ended guests. A guest is either on l1t_guests or included here, and
 * totals_lock is held while it moves, so that totals never decrease.
 */
static DEFINE_MUTEX(totals_lock);
static struct l1t_counts dead;

static struct l1t_totals snapshot;
static unsigned long snapshot_until;
static bool has_snapshot;

/**
 * l1t_vcpu_counts() - add a vCPU's counts to a sum
 * @v: alive or dead
 * @sum: the sum
 *
 * Exits that KVM counted but did not trace are @sum->untraced; while an exit is being
 * handled, one of the two counts may be a step ahead.
 */
void l1t_vcpu_counts(struct l1t_vcpu *v, struct l1t_counts *sum)
{
	struct l1t_account *acct = &v->acct;
	unsigned int n, cells = l1t_account_cells(acct);
	struct l1t_sample s = {};
	u64 kvm_exits, base;
	unsigned int i;

	for (n = 0; n < cells; n++)
		l1t_account_add_cell(acct, n, &s);

	kvm_exits = l1t_vcpu_kvm_exits(v);
	base = READ_ONCE(acct->kvm_exits_base);

	sum->exits += s.count;
	sum->exit_time_ns += s.time_ns;
	sum->guest_time_ns += l1t_account_guest_ns(acct);
	for (i = 0; i < L1T_PARTS_AND_KERNEL; i++)
		sum->parts_ns[i] += s.parts_ns[i];
	sum->stolen_ns += l1t_account_stolen_ns(acct);
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
 * @sum: the sum
 */
void l1t_guest_counts(struct l1t_guest *g, struct l1t_counts *sum)
{
	struct l1t_vcpu *v;

	/* Entries live as long as @g; RCU is needed for the list's growth only. */
	list_for_each_entry_rcu(v, &g->vcpus, link, true)
		l1t_vcpu_counts(v, sum);
}

static void add_to_tenant(struct l1t_tenant *t, const void *counts)
{
	l1t_counts_add(&t->dead, counts);
}

/**
 * l1t_guest_retire() - add the counts of a guest that has ended to the totals
 * @g: its VM has been freed; its own counts stay readable
 *
 * Context: devices workqueue.
 */
void l1t_guest_retire(struct l1t_guest *g)
{
	struct l1t_counts counts = {};

	mutex_lock(&totals_lock);
	l1t_guest_counts(g, &counts);
	l1t_counts_add(&dead, &counts);
	raw_spin_lock(&l1t_lock);
	l1t_places_each(&g->places, add_to_tenant, &counts);
	l1t_places_leave(&g->places);
	list_del_init(&g->link);
	raw_spin_unlock(&l1t_lock);
	mutex_unlock(&totals_lock);
}

/**
 * l1t_guests_walk() - call a function for each guest that has not been retired
 * @fn: the function; may sleep
 * @arg: passed to it
 *
 * Context: may sleep.
 */
void l1t_guests_walk(void (*fn)(struct l1t_guest *g, void *arg), void *arg)
{
	struct l1t_guest *g;

	mutex_lock(&totals_lock);
	/* As in take_snapshot(). */
	list_for_each_entry_rcu(g, &l1t_guests, link, true)
		fn(g, arg);
	mutex_unlock(&totals_lock);
}

static void take_snapshot(void)
{
	struct l1t_guest *g;

	snapshot = (struct l1t_totals){ .counts = dead };
	/*
	 * Guests leave the list only under totals_lock and join it at its
	 * end, so it can be walked without the spinlock.
	 */
	list_for_each_entry_rcu(g, &l1t_guests, link, true)
		l1t_guest_counts(g, &snapshot.counts);
	raw_spin_lock(&l1t_lock);
	snapshot.vms = l1t_guests_ever();
	snapshot.vcpus = l1t_vcpus_ever();
	raw_spin_unlock(&l1t_lock);
	snapshot.unattributed = l1t_exit_unattributed();
	snapshot_until = jiffies + HZ / 10;
	has_snapshot = true;
}

/**
 * l1t_totals() - sums over all guests, living and dead
 * @t: filled in, as of one moment at most 100 ms ago
 *
 * Context: may sleep.
 */
void l1t_totals(struct l1t_totals *t)
{
	mutex_lock(&totals_lock);
	if (!has_snapshot || time_after_eq(jiffies, snapshot_until))
		take_snapshot();
	*t = snapshot;
	mutex_unlock(&totals_lock);
}

static void take_tenant_snapshot(struct l1t_tenant *t)
{
	struct l1t_guest *g;

	t->snapshot = t->dead;
	/* As in take_snapshot(). */
	list_for_each_entry_rcu(g, &l1t_guests, link, true)
		if (l1t_places_are_of(&g->places, t))
			l1t_guest_counts(g, &t->snapshot);
	t->snapshot_until = jiffies + HZ / 10;
	t->has_snapshot = true;
}

/**
 * l1t_tenant_totals() - sums over all guests that a tenant has had
 * @tenant: tenant or pattern; the caller has a reference
 * @t: filled in, as of one moment at most 100 ms ago
 *
 * Context: may sleep.
 */
void l1t_tenant_totals(struct l1t_tenant *tenant, struct l1t_totals *t)
{
	mutex_lock(&totals_lock);
	if (!tenant->has_snapshot || time_after_eq(jiffies, tenant->snapshot_until))
		take_tenant_snapshot(tenant);
	*t = (struct l1t_totals){ .counts = tenant->snapshot };
	raw_spin_lock(&l1t_lock);
	t->vms = tenant->vms;
	t->vcpus = tenant->vcpus;
	raw_spin_unlock(&l1t_lock);
	mutex_unlock(&totals_lock);
}

/**
 * l1t_stolen_state() - is it known what L0 steals from vCPUs, and if not, why
 *
 * This needs the clock of each CPU, and the hooks that see where threads run.
 *
 * Return: L1T_STEAL_OK, or why it is not known.
 */
enum l1t_steal_state l1t_stolen_state(void)
{
	enum l1t_steal_state state = l1t_steal_state();

	/* run, put and sched_in are attached together, or none of them. */
	if (state == L1T_STEAL_OK &&
	    l1t_hook_state(L1T_HOOK_RUN) == L1T_HOOK_UNAVAILABLE)
		return L1T_STEAL_NO_HOOKS;
	return state;
}
