// SPDX-License-Identifier: GPL-2.0
/* Limits of tenants, how often they were exceeded, and the rate of VMs. */
#include <linux/time64.h>

#include "lock.h"
#include "tenant.h"

/* A tenant may create at once as many VMs as its rate allows in this time. */
#define BURST_NS	NSEC_PER_SEC

/**
 * l1t_tenant_value() - value of a tenant's limit or audit threshold
 * @t: tenant or pattern
 * @limit: which
 * @bound: limit or audit threshold
 *
 * Context: RCU read section, l1t_lock, or the caller has a reference to @t, which is not
 * removed.
 * Return: a number or L1T_NO_LIMIT.
 */
u64 l1t_tenant_value(const struct l1t_tenant *t, enum l1t_limit limit,
		     enum l1t_bound bound)
{
	const struct l1t_tenant *pattern = READ_ONCE(t->pattern);

	return READ_ONCE((pattern ?: t)->values[bound][limit]);
}

static void put_in_force(struct l1t_tenant *t, enum l1t_limit limit,
			 enum l1t_bound bound, u64 value)
{
	raw_spin_lock(&l1t_lock);
	WRITE_ONCE(t->values[bound][limit], value);
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_tenant_request() - request a limit or an audit threshold of a tenant
 * @t: tenant or pattern
 * @limit: which
 * @bound: limit or audit threshold
 * @value: as for l1t_limit_request()
 *
 * Context: may sleep; callers serialize.
 */
void l1t_tenant_request(struct l1t_tenant *t, enum l1t_limit limit,
			enum l1t_bound bound, u64 value)
{
	bool was = t->requested[bound][limit] != L1T_NO_LIMIT;
	bool is = value != L1T_NO_LIMIT;

	if (!is)
		put_in_force(t, limit, bound, value);
	if (was != is)
		l1t_limit_want(limit, bound, is);
	t->requested[bound][limit] = value;
}

/**
 * l1t_tenant_enforce() - let what was requested take effect
 * @t: tenant or pattern
 * @limit: which
 * @bound: limit or audit threshold
 *
 * Context: may sleep; callers serialize.
 */
void l1t_tenant_enforce(struct l1t_tenant *t, enum l1t_limit limit,
			enum l1t_bound bound)
{
	put_in_force(t, limit, bound, t->requested[bound][limit]);
}

/**
 * l1t_tenant_count() - count one more excess of a tenant's limit or threshold
 * @t: tenant or pattern
 * @limit: which
 * @bound: limit or audit threshold
 *
 * A match counts for its pattern, too, because the match will be forgotten.
 *
 * Context: RCU read section or l1t_lock.
 */
void l1t_tenant_count(struct l1t_tenant *t, enum l1t_limit limit,
		      enum l1t_bound bound)
{
	for (; t; t = READ_ONCE(t->pattern))
		atomic64_inc(&t->exceeded[bound][limit]);
}

/**
 * l1t_tenant_may_create() - does a tenant's rate allow one more VM
 * @t: tenant
 * @bound: limit or audit threshold, which is set
 * @now: CLOCK_MONOTONIC in ns
 *
 * Context: l1t_lock held.
 * Return: true if there is a token; it is not taken.
 */
bool l1t_tenant_may_create(struct l1t_tenant *t, enum l1t_bound bound, u64 now)
{
	lockdep_assert_held(&l1t_lock);
	return l1t_bucket_tokens(&t->creation[bound],
				 l1t_tenant_value(t, L1T_MAX_VMS_PER_SEC, bound),
				 BURST_NS, now);
}
