// SPDX-License-Identifier: GPL-2.0
/*
 * Decides whether a thread gets what it asks KVM for, by the limits of the machine and of
 * tenants.
 *
 * The ledger has what is in use: what living guests have, and what KVM is creating for
 * threads that were admitted. Both change under l1t_lock, and l1t_admit() decides
 * under it: concurrent creators never get the same place.
 */
#include <linux/cred.h>
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/minmax.h>

#include "admit.h"
#include "event.h"
#include "limit.h"
#include "payer.h"
#include "throttle.h"

/*
 * A demand against one limit: the machine's, or a tenant's if @tenant is set, or a guest's
 * own rate if @guest is. With @more 0 nothing is exceeded: the limit is listed because it can
 * be enforced only on what is in the registry, see l1t_admit_unreserved().
 */
struct check {
	enum l1t_limit limit;
	struct l1t_tenant *tenant;
	const struct l1t_guest *guest;
	u64 use;
	u64 more;
};

/* Upper bound: a demand against all limits of the machine, or of one tenant. */
#define MOST_CHECKS	5

static u64 value_of(const struct check *c, enum l1t_bound bound)
{
	if (c->guest && bound == L1T_BOUND_LIMIT)
		return l1t_throttle_rate(c->guest);
	return c->tenant ? l1t_tenant_value(c->tenant, c->limit, bound) :
			   l1t_limit_value(c->limit, bound);
}

static bool exceeds(const struct check *c, enum l1t_bound bound)
{
	u64 value = value_of(c, bound);

	if (c->limit == L1T_MAX_VMS_PER_SEC)
		return value != L1T_NO_LIMIT &&
		       !l1t_tenant_may_create(c->tenant, bound, ktime_get_ns());
	return value != L1T_NO_LIMIT &&
	       (c->use > value || c->more > value - c->use);
}

/* The most VMs of any user who would be charged for @new, without it. */
static u32 most_vms_of_users(const struct l1t_guest *new)
{
	const struct l1t_guest *g;

	l1t_payers_find(current_cred());
	list_for_each_entry(g, &l1t_newborn, newborn)
		if (g != new && !g->refused)
			l1t_payers_count(g->cred);
	return l1t_payers_most_vms();
}

/**
 * l1t_demand_peak_bytes() - requested memory beyond the VM's peak
 * @demand: the demand
 *
 * Memory that the VM has had before is already charged.
 *
 * Context: l1t_lock held.
 * Return: bytes by which the peak grows; 0 if it does not.
 */
u64 l1t_demand_peak_bytes(const struct l1t_demand *demand)
{
	const struct l1t_guest *g = demand->guest;
	u64 bytes = demand->more_memory_bytes;

	if (!g)
		return bytes;
	bytes = min(g->memory_bytes + bytes, g->slot_bytes + demand->more_slot_bytes);
	return bytes > g->memory_peak_bytes ? bytes - g->memory_peak_bytes : 0;
}

/* A VM counts once, however many of its vCPUs run guests. */
static bool nests_more(const struct l1t_demand *d)
{
	return d->nested && !(d->guest && d->guest->nested_holds);
}

static unsigned int list_host(const struct l1t_demand *d, struct check *checks)
{
	const u64 *used = l1t_ledger.of;
	const struct l1t_guest *g = d->guest;
	u64 bytes = l1t_demand_peak_bytes(d);
	unsigned int n = 0;

	if (d->vm) {
		checks[n++] = (struct check){ L1T_MAX_VMS,
			.use = used[L1T_USED_VMS] - (g ? 1 : 0), .more = 1 };
		if (l1t_limit_is_set(L1T_MAX_VMS_PER_USER))
			checks[n++] = (struct check){ L1T_MAX_VMS_PER_USER,
				.use = most_vms_of_users(g), .more = 1 };
		checks[n++] = (struct check){ L1T_MAX_EXITS_PER_SEC };
	}
	if (d->run)
		checks[n++] = (struct check){ L1T_MAX_EXITS_PER_SEC, .guest = g };
	if (d->vcpu) {
		checks[n++] = (struct check){ L1T_MAX_VCPUS,
			.use = used[L1T_USED_VCPUS] + used[L1T_ASKED_VCPUS], .more = 1 };
		checks[n++] = (struct check){ L1T_MAX_VCPUS_PER_VM,
			.use = g ? g->nr_vcpus + g->asked_vcpus : 0, .more = 1 };
	}
	if (bytes) {
		checks[n++] = (struct check){ L1T_MAX_MEMORY,
			.use = used[L1T_USED_MEMORY] + used[L1T_ASKED_MEMORY],
			.more = bytes };
		checks[n++] = (struct check){ L1T_MAX_MEMORY_PER_VM,
			.use = g ? g->memory_peak_bytes + g->asked_bytes : 0,
			.more = bytes };
	}
	if (nests_more(d))
		checks[n++] = (struct check){ L1T_MAX_NESTED_VMS,
			.use = used[L1T_USED_NESTED_VMS], .more = 1 };
	return n;
}

static unsigned int list_tenant(const struct l1t_demand *d, struct l1t_tenant *t,
				struct check *checks)
{
	const struct l1t_guest *g = d->guest;
	u64 bytes = l1t_demand_peak_bytes(d);
	const u64 *used = t->use.of;
	unsigned int n = 0;

	if (d->vm) {
		checks[n++] = (struct check){ L1T_MAX_VMS, t,
			.use = used[L1T_USED_VMS] - (g ? 1 : 0), .more = 1 };
		checks[n++] = (struct check){ L1T_MAX_VMS_PER_SEC, t };
	}
	if (d->vm || d->run)
		checks[n++] = (struct check){ L1T_MAX_EXITS_PER_SEC, t };
	if (d->vcpu)
		checks[n++] = (struct check){ L1T_MAX_VCPUS, t,
			.use = used[L1T_USED_VCPUS] + used[L1T_ASKED_VCPUS], .more = 1 };
	if (bytes)
		checks[n++] = (struct check){ L1T_MAX_MEMORY, t,
			.use = used[L1T_USED_MEMORY] + used[L1T_ASKED_MEMORY],
			.more = bytes };
	if (nests_more(d))
		checks[n++] = (struct check){ L1T_MAX_NESTED_VMS, t,
			.use = used[L1T_USED_NESTED_VMS], .more = 1 };
	return n;
}

/*
 * The checks of one scope: 0 is the machine, the others are tenants from the root on.
 * A level without a tenant has none.
 */
static unsigned int list_checks(const struct l1t_demand *d, unsigned int scope,
				struct check *checks)
{
	struct l1t_tenant *t;

	if (!scope)
		return list_host(d, checks);
	t = l1t_place(d->places, scope - 1);
	return t ? list_tenant(d, t, checks) : 0;
}

static void exceeded(const struct check *c, enum l1t_bound bound, int err,
		     struct l1t_guest *g)
{
	if (g && bound == L1T_BOUND_LIMIT)
		g->denied = c->limit + 1;
	if (c->tenant)
		l1t_tenant_count(c->tenant, c->limit, bound);
	else
		l1t_limit_count(c->limit, bound);
	l1t_event_exceeded(&(struct l1t_exceeded){
		.limit = c->limit,
		.bound = bound,
		.tenant = c->tenant,
		.value = value_of(c, bound),
		.use = c->use,
		.err = err,
		.guest_id = g ? g->id : 0,
		.count = 1,
	});
}

/* A rate is exceeded only for a while, so it can be retried. */
static int refusal_of(const struct l1t_demand *demand, enum l1t_limit limit)
{
	if (limit == L1T_MAX_VMS_PER_SEC)
		return -EAGAIN;
	return demand->restore ? -EPERM : -EDQUOT;
}

static void audit(const struct l1t_demand *demand)
{
	struct check checks[MOST_CHECKS];
	unsigned int scope, i, n;

	for (scope = 0; scope <= demand->places->levels; scope++) {
		n = list_checks(demand, scope, checks);
		for (i = 0; i < n; i++)
			if (exceeds(&checks[i], L1T_BOUND_AUDIT))
				exceeded(&checks[i], L1T_BOUND_AUDIT,
					 refusal_of(demand, checks[i].limit),
					 demand->guest);
	}
}

static int refuse(const struct l1t_demand *demand)
{
	struct check checks[MOST_CHECKS];
	unsigned int scope, i, n;
	int err;

	for (scope = 0; scope <= demand->places->levels; scope++) {
		n = list_checks(demand, scope, checks);
		for (i = 0; i < n; i++) {
			if (!exceeds(&checks[i], L1T_BOUND_LIMIT))
				continue;
			err = refusal_of(demand, checks[i].limit);
			exceeded(&checks[i], L1T_BOUND_LIMIT, err, demand->guest);
			return err;
		}
	}
	return 0;
}

static int refuse_if_limited(const struct l1t_demand *demand, struct check *checks,
			     unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (value_of(&checks[i], L1T_BOUND_LIMIT) == L1T_NO_LIMIT)
			continue;
		exceeded(&checks[i], L1T_BOUND_LIMIT, -EAGAIN, demand->guest);
		return -EAGAIN;
	}
	return 0;
}

/* A pattern matches, but there was no spare for the tenant that would be charged. */
static int refuse_lacking(const struct l1t_demand *demand)
{
	struct check checks[MOST_CHECKS];
	unsigned int i, n;

	if (!demand->places->lacking)
		return 0;
	n = list_tenant(demand, demand->places->lacking, checks);
	/* A pattern itself uses nothing. */
	for (i = 0; i < n; i++)
		checks[i].use = 0;
	return refuse_if_limited(demand, checks, n);
}

static void find_places(struct l1t_demand *demand)
{
	/* Too large for the stack; protected by l1t_lock. */
	static struct l1t_places places;
	static char path[L1T_CGROUP_BYTES];

	if (demand->guest) {
		demand->places = &demand->guest->places;
		return;
	}
	memset(&places, 0, sizeof(places));
	l1t_cgroup_path(current, path);
	l1t_places_find(path, &places);
	demand->places = &places;
}

/**
 * l1t_admit() - may a thread have what it asks for
 * @demand: what it asks for
 *
 * Context: l1t_lock held; the caller reserves it in the ledger before it unlocks.
 * Return: 0, or the error that KVM must return.
 */
int l1t_admit(struct l1t_demand *demand)
{
	int err;

	lockdep_assert_held(&l1t_lock);
	find_places(demand);
	err = refuse(demand) ?: refuse_lacking(demand);
	if (err)
		return err;
	audit(demand);
	if (demand->vm)
		l1t_places_take_creation(demand->places, ktime_get_ns());
	return 0;
}

/**
 * l1t_admit_unreserved() - like l1t_admit(), if nothing can be reserved in the ledger
 * @demand: what the thread asks for
 *
 * The VMM has too many calls in flight. A limit that is set refuses these, and nobody
 * else's; an audit threshold refuses nothing.
 *
 * Context: l1t_lock held.
 * Return: 0, -EAGAIN, or the error of l1t_admit() if a limit is exceeded.
 */
int l1t_admit_unreserved(struct l1t_demand *demand)
{
	struct check checks[MOST_CHECKS];
	unsigned int scope, n;
	int err;

	lockdep_assert_held(&l1t_lock);
	find_places(demand);
	err = refuse(demand);
	for (scope = 0; !err && scope <= demand->places->levels; scope++) {
		n = list_checks(demand, scope, checks);
		err = refuse_if_limited(demand, checks, n);
	}
	err = err ?: refuse_lacking(demand);
	if (!err)
		audit(demand);
	return err;
}
