// SPDX-License-Identifier: GPL-2.0
/*
 * Defines and removes tenants and sets their limits, while there are guests.
 *
 * A guest is charged to the tenants of the cgroup in which it was created. So a tenant
 * that is defined later has its guests at once, and one that is removed leaves its
 * guests unaffected.
 */
#include <linux/sched.h>

#include "attach.h"
#include "enrol.h"
#include "guest.h"
#include "throttle.h"
#include "totals.h"

/* Serializes changes of tenants; not held while a device is removed. */
static DEFINE_MUTEX(enrol_lock);

static bool stopped;

/**
 * struct joining - guests get places of tenants
 * @lacking_only: those that lack one, rather than all
 * @lacking: how many still lack one
 */
struct joining {
	bool lacking_only;
	unsigned int lacking;
};

/* Context: l1t_lock held. */
static void join(struct l1t_guest *g, struct joining *j)
{
	if (g->kvm && (g->places.lacking || !j->lacking_only))
		l1t_guest_join_tenants(g);
	j->lacking += g->kvm && g->places.lacking;
}

/* The lock is dropped after each guest: a user can have many, in deeply nested cgroups. */
static void join_one(struct l1t_guest *g, void *arg)
{
	raw_spin_lock(&l1t_lock);
	join(g, arg);
	raw_spin_unlock(&l1t_lock);
	cond_resched();
}

/* Guests that are being created. Those that come meanwhile join by themselves. */
static void join_newborn(struct joining *j)
{
	struct l1t_guest *g;
	unsigned int nr = 0;

	raw_spin_lock(&l1t_lock);
	list_for_each_entry(g, &l1t_newborn, newborn)
		nr++;
	while (nr-- && !list_empty(&l1t_newborn)) {
		g = list_first_entry(&l1t_newborn, struct l1t_guest, newborn);
		list_move_tail(&g->newborn, &l1t_newborn);
		join(g, j);
		raw_spin_unlock(&l1t_lock);
		cond_resched();
		raw_spin_lock(&l1t_lock);
	}
	raw_spin_unlock(&l1t_lock);
}

/*
 * The spares suffice for some matches at a time. Guests for which they do not suffice
 * lack a place, so this ends when there are none, or when memory runs out. A guest that is
 * created meanwhile joins by itself.
 */
static void join_each(bool lacking_only)
{
	struct joining j = { .lacking_only = lacking_only };
	unsigned int before = UINT_MAX;

	do {
		l1t_tenants_fill();
		j.lacking = 0;
		join_newborn(&j);
		l1t_guests_walk(join_one, &j);
		if (j.lacking >= before)
			break;
		before = j.lacking;
	} while (j.lacking);
}

static void join_all(void)
{
	join_each(false);
	if (l1t_limit_is_wanted(L1T_MAX_EXITS_PER_SEC))
		l1t_throttle_update();
}

/**
 * l1t_enrol() - define a tenant, or a pattern
 * @path: from l1t_path_parse()
 *
 * Context: may sleep.
 * Return: 0, an error of l1t_tenant_define(), -EINTR, -ESHUTDOWN, or -EOPNOTSUPP if this
 * kernel has no cgroups.
 */
int l1t_enrol(const char *path)
{
	int err;

	if (!IS_ENABLED(CONFIG_CGROUPS))
		return -EOPNOTSUPP;
	if (mutex_lock_interruptible(&enrol_lock))
		return -EINTR;
	err = stopped ? -ESHUTDOWN : l1t_tenant_define(path);
	if (!err)
		join_all();
	mutex_unlock(&enrol_lock);
	return err;
}

static bool set(struct l1t_tenant *t, enum l1t_limit limit, enum l1t_bound bound,
		u64 value)
{
	if (t->requested[bound][limit] == value)
		return false;
	l1t_tenant_request(t, limit, bound, value);
	return true;
}

static void drop_limits(struct l1t_tenant *t)
{
	enum l1t_bound bound;
	enum l1t_limit limit;
	bool paced = false;

	for (bound = 0; bound < L1T_BOUNDS; bound++)
		for (limit = 0; limit < L1T_LIMITS; limit++)
			paced |= set(t, limit, bound, L1T_NO_LIMIT) &&
				 limit == L1T_MAX_EXITS_PER_SEC;
	if (paced)
		l1t_throttle_update();
}

/* Context: l1t_lock held. */
static void drop_tenant(struct l1t_tenant *t)
{
	struct l1t_guest *g;

	/* Guests that are being created are only in this list. */
	list_for_each_entry(g, &l1t_newborn, newborn)
		l1t_guest_drop_tenant(g, t);
	list_for_each_entry(g, &l1t_guests, link)
		l1t_guest_drop_tenant(g, t);
	l1t_tenant_unlink(t);
}

static void remove(struct l1t_tenant *t)
{
	struct l1t_tenant *match;

	drop_limits(t);
	do {
		raw_spin_lock(&l1t_lock);
		match = l1t_tenant_any_match(t);
		drop_tenant(match ?: t);
		raw_spin_unlock(&l1t_lock);
	} while (match);
}

/**
 * l1t_enrol_remove() - remove a tenant or pattern
 * @path: exactly as it was defined
 *
 * Its guests stay, and may become those of a pattern's match.
 *
 * Context: may sleep.
 * Return: 0, -ENOENT or -EINTR.
 */
int l1t_enrol_remove(const char *path)
{
	struct l1t_tenant *t;

	if (mutex_lock_interruptible(&enrol_lock))
		return -EINTR;
	t = l1t_tenant_get(path);
	if (!t || t->pattern) {
		mutex_unlock(&enrol_lock);
		if (t)
			put_device(&t->dev);
		return -ENOENT;
	}
	remove(t);
	join_all();
	mutex_unlock(&enrol_lock);
	put_device(&t->dev);
	l1t_attach_release();
	return 0;
}

/**
 * l1t_enrol_set() - set a limit or an audit threshold of a tenant
 * @t: tenant or pattern; the caller has a reference
 * @limit: which
 * @bound: limit or audit threshold
 * @value: as for l1t_limit_request()
 *
 * Context: may sleep.
 * Return: 0, -ENODEV if it has been removed, -EPERM if its limits are those of its pattern,
 * or -EINTR.
 */
int l1t_enrol_set(struct l1t_tenant *t, enum l1t_limit limit, enum l1t_bound bound,
		  u64 value)
{
	int err = 0;

	if (mutex_lock_interruptible(&enrol_lock))
		return -EINTR;
	if (t->removed)
		err = -ENODEV;
	else if (t->pattern)
		err = -EPERM;
	if (err || !set(t, limit, bound, value))
		goto out;
	l1t_attach_update();
	/* Guests that were admitted without a place because nothing limited them. */
	join_each(true);
	l1t_tenant_enforce(t, limit, bound);
	if (limit == L1T_MAX_EXITS_PER_SEC || l1t_limit_is_wanted(L1T_MAX_EXITS_PER_SEC))
		l1t_throttle_update();
out:
	mutex_unlock(&enrol_lock);
	if (!err)
		l1t_attach_release();
	return err;
}

/**
 * l1t_enrol_forget() - forget a match that has had no guests for long
 *
 * Context: may sleep.
 */
void l1t_enrol_forget(void)
{
	struct l1t_tenant *t;

	mutex_lock(&enrol_lock);
	raw_spin_lock(&l1t_lock);
	t = l1t_tenant_forgettable();
	if (t)
		l1t_tenant_unlink(t);
	raw_spin_unlock(&l1t_lock);
	mutex_unlock(&enrol_lock);
}

static struct l1t_tenant *any_tenant(void)
{
	struct l1t_tenant *t;

	raw_spin_lock(&l1t_lock);
	t = list_first_entry_or_null(&l1t_tenants, struct l1t_tenant, link) ?:
	    l1t_tenant_any_pattern();
	raw_spin_unlock(&l1t_lock);
	return t;
}

/**
 * l1t_enrol_remove_all() - remove all tenants and patterns
 *
 * Context: may sleep; no hook is attached and no guest is left.
 */
void l1t_enrol_remove_all(void)
{
	struct l1t_tenant *t;

	mutex_lock(&enrol_lock);
	stopped = true;
	while ((t = any_tenant())) {
		raw_spin_lock(&l1t_lock);
		l1t_tenant_unlink(t);
		raw_spin_unlock(&l1t_lock);
	}
	mutex_unlock(&enrol_lock);
}
