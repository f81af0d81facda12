// SPDX-License-Identifier: GPL-2.0
/*
 * Use is what the ledger has: what living guests have, and what KVM is creating
 * for threads that were admitted. Both change under l1t_lock, and l1t_admit()
 * decides under it: of racing creators no two get one place.
 */
#include <linux/cred.h>
#include <linux/errno.h>
#include <linux/user_namespace.h>

#include "admit.h"
#include "event.h"
#include "limit.h"

/* One thing that is asked for, against one limit. */
struct check {
	enum l1t_limit limit;
	u64 use;
	u64 more;
};

#define MOST_CHECKS	5

static bool exceeds(const struct check *c, enum l1t_bound bound)
{
	u64 value = l1t_limit_value(c->limit, bound);

	return value != L1T_NO_LIMIT &&
	       (c->use > value || c->more > value - c->use);
}

/* Without @new, which is being created. */
static u32 vms_of_user(kuid_t uid, const struct l1t_guest *new)
{
	u32 n = l1t_user_vms(uid);
	const struct l1t_guest *g;

	list_for_each_entry(g, &l1t_newborn, newborn)
		n += g != new && l1t_cred_charges(g->cred, uid);
	return n;
}

/* The user with the most VMs of those who would be charged for one more. */
static u32 most_vms_of_users(const struct l1t_guest *new)
{
	const struct user_namespace *ns = current_user_ns();
	u32 most = vms_of_user(current_uid(), new);

	for (; ns != &init_user_ns; ns = ns->parent)
		most = max(most, vms_of_user(ns->owner, new));
	return most;
}

/**
 * l1t_demand_peak_bytes() - memory asked for that the VM has never had
 * @demand: what its VM asks for
 *
 * What a VM has had before it may have again.
 *
 * Context: l1t_lock held.
 */
u64 l1t_demand_peak_bytes(const struct l1t_demand *demand)
{
	const struct l1t_guest *g = demand->guest;
	u64 bytes = demand->more_memory_bytes;

	if (!g)
		return bytes;
	bytes += g->memory_bytes;
	return bytes > g->memory_peak_bytes ? bytes - g->memory_peak_bytes : 0;
}

static unsigned int list_checks(const struct l1t_demand *d, struct check *checks)
{
	const struct l1t_guest *g = d->guest;
	u64 bytes = l1t_demand_peak_bytes(d);
	unsigned int n = 0;

	if (d->vm) {
		checks[n++] = (struct check){ L1T_MAX_VMS,
			l1t_ledger.vms - (g ? 1 : 0), 1 };
		if (l1t_limit_is_set(L1T_MAX_VMS_PER_USER))
			checks[n++] = (struct check){ L1T_MAX_VMS_PER_USER,
				most_vms_of_users(g), 1 };
	}
	if (d->vcpu) {
		checks[n++] = (struct check){ L1T_MAX_VCPUS,
			l1t_ledger.vcpus + l1t_ledger.asked_vcpus, 1 };
		checks[n++] = (struct check){ L1T_MAX_VCPUS_PER_VM,
			g ? g->nr_vcpus + g->asked_vcpus : 0, 1 };
	}
	if (bytes) {
		checks[n++] = (struct check){ L1T_MAX_MEMORY,
			l1t_ledger.memory_bytes + l1t_ledger.asked_bytes,
			bytes };
		checks[n++] = (struct check){ L1T_MAX_MEMORY_PER_VM,
			g ? g->memory_peak_bytes + g->asked_bytes : 0, bytes };
	}
	if (d->nested && !(g && g->nested_holds))
		checks[n++] = (struct check){ L1T_MAX_NESTED_VMS,
			l1t_ledger.nested_vms, 1 };
	return n;
}

static void exceeded(const struct check *c, enum l1t_bound bound, int err,
		     struct l1t_guest *g)
{
	if (g && bound == L1T_BOUND_LIMIT)
		g->denied = c->limit + 1;
	l1t_limit_count(c->limit, bound);
	l1t_event_exceeded(&(struct l1t_exceeded){
		.limit = c->limit,
		.bound = bound,
		.value = l1t_limit_value(c->limit, bound),
		.use = c->use,
		.err = err,
		.guest_id = g ? g->id : 0,
		.count = 1,
	});
}

static int refusal_of(const struct l1t_demand *demand)
{
	return demand->restore ? -EPERM : -EDQUOT;
}

static void audit(const struct l1t_demand *demand, const struct check *checks,
		  unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (exceeds(&checks[i], L1T_BOUND_AUDIT))
			exceeded(&checks[i], L1T_BOUND_AUDIT,
				 refusal_of(demand), demand->guest);
}

static int refuse(const struct l1t_demand *demand, const struct check *checks,
		  unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (!exceeds(&checks[i], L1T_BOUND_LIMIT))
			continue;
		exceeded(&checks[i], L1T_BOUND_LIMIT, refusal_of(demand),
			 demand->guest);
		return refusal_of(demand);
	}
	return 0;
}

/**
 * l1t_admit() - may a thread have what it asks for
 * @demand: what
 *
 * Context: l1t_lock held; before letting go of that the caller has the ledger
 * keep it. Return: 0, or the error that KVM is to return.
 */
int l1t_admit(const struct l1t_demand *demand)
{
	struct check checks[MOST_CHECKS];
	unsigned int n;
	int err;

	lockdep_assert_held(&l1t_lock);
	n = list_checks(demand, checks);
	err = refuse(demand, checks, n);
	if (!err)
		audit(demand, checks, n);
	return err;
}

/**
 * l1t_admit_unreserved() - likewise, where the ledger can keep nothing for it
 * @demand: what
 *
 * Its user has too many calls in flight. A limit that is set refuses those, and
 * nobody else's; an audit threshold refuses nothing.
 *
 * Context: l1t_lock held. Return: 0, -EAGAIN, or what l1t_admit() returns for
 * what is beyond a limit.
 */
int l1t_admit_unreserved(const struct l1t_demand *demand)
{
	struct check checks[MOST_CHECKS];
	unsigned int i, n;
	int err;

	lockdep_assert_held(&l1t_lock);
	n = list_checks(demand, checks);
	err = refuse(demand, checks, n);
	if (err)
		return err;
	for (i = 0; i < n; i++) {
		if (l1t_limit_value(checks[i].limit, L1T_BOUND_LIMIT) == L1T_NO_LIMIT)
			continue;
		exceeded(&checks[i], L1T_BOUND_LIMIT, -EAGAIN, demand->guest);
		return -EAGAIN;
	}
	audit(demand, checks, n);
	return 0;
}
