// SPDX-License-Identifier: GPL-2.0
/*
 * The table of tenants.
 *
 * A guest gets its places in the hook on KVM_CREATE_VM, which cannot allocate: a
 * tenant for a cgroup that matches a pattern comes from the spares. Each creator
 * replaces those that were taken, at its own expense, when its ioctl returns; because
 * it may sleep until then, a worker keeps some available.
 */
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "tenant.h"
#include "tenant_path.h"

#define MOST_TENANTS	4096
#define MOST_MATCHES	16384
#define MOST_PATTERNS	64
#define SPARES		32

/* A match without guests is forgotten after this, or within a second if there are many. */
#define IDLE		(60 * HZ)
#define MANY_MATCHES	(MOST_MATCHES / 4)

LIST_HEAD(l1t_tenants);
LIST_HEAD(l1t_tenants_changed);

/* Protected by l1t_lock. */
static DEFINE_HASHTABLE(by_path, 10);
static LIST_HEAD(patterns);
static LIST_HEAD(spares);
static LIST_HEAD(idle_matches);
static unsigned int nr_tenants, nr_patterns, nr_matches, nr_spares;
static u64 nr_ever;
static bool stopped;

/* Random, so that nobody can choose names of cgroups that share a hash bucket. */
static u32 hash_seed;

static void (*on_change)(void);

static atomic_t nr_unfreed = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(all_freed);

/* Allocation. */

static void tenant_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct l1t_tenant, rcu));
	if (atomic_dec_and_test(&nr_unfreed))
		wake_up(&all_freed);
}

/* A vCPU may still be reading its pace, under RCU. */
static void tenant_release(struct device *dev)
{
	struct l1t_tenant *t = dev_to_tenant(dev);

	if (t->pattern)
		put_device(&t->pattern->dev);
	call_rcu(&t->rcu, tenant_free);
}

/**
 * l1t_is_tenant() - is a device of the class a tenant
 * @dev: a tenant, a guest, or this machine
 *
 * Return: true if it is a tenant or a pattern.
 */
bool l1t_is_tenant(const struct device *dev)
{
	return dev->release == tenant_release;
}

static struct l1t_tenant *tenant_alloc(void)
{
	struct l1t_tenant *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	enum l1t_bound bound;
	enum l1t_limit limit;

	if (!t)
		return NULL;
	for (bound = 0; bound < L1T_BOUNDS; bound++) {
		for (limit = 0; limit < L1T_LIMITS; limit++) {
			t->values[bound][limit] = L1T_NO_LIMIT;
			t->requested[bound][limit] = L1T_NO_LIMIT;
		}
	}
	INIT_LIST_HEAD(&t->link);
	INIT_LIST_HEAD(&t->changed);
	INIT_LIST_HEAD(&t->idle);
	device_initialize(&t->dev);
	t->dev.release = tenant_release;
	atomic_inc(&nr_unfreed);
	return t;
}

static bool add_spare(void)
{
	struct l1t_tenant *t = tenant_alloc();
	bool added;

	if (!t)
		return false;
	raw_spin_lock(&l1t_lock);
	added = !stopped && nr_patterns && nr_spares < SPARES &&
		nr_matches + nr_spares < MOST_MATCHES;
	if (added) {
		list_add(&t->link, &spares);
		nr_spares++;
	}
	raw_spin_unlock(&l1t_lock);
	if (!added)
		put_device(&t->dev);
	return added;
}

static void fill_spares(struct work_struct *work)
{
	while (READ_ONCE(nr_spares) < SPARES && add_spare())
		;
}

static DECLARE_WORK(spares_work, fill_spares);

static struct l1t_tenant *take_spare(void)
{
	struct l1t_tenant *t;

	if (nr_spares <= SPARES / 2)
		queue_work(system_highpri_wq, &spares_work);
	t = list_first_entry_or_null(&spares, struct l1t_tenant, link);
	if (t) {
		list_del_init(&t->link);
		nr_spares--;
	}
	return t;
}

/**
 * l1t_tenants_fill() - fill the spares, as far as memory suffices
 *
 * Context: may sleep.
 */
void l1t_tenants_fill(void)
{
	fill_spares(NULL);
}

/**
 * l1t_tenants_reserve() - replace a spare that may have been taken
 *
 * Context: may sleep; on the thread whose VM took it, which is charged.
 */
void l1t_tenants_reserve(void)
{
	if (READ_ONCE(nr_patterns) && READ_ONCE(nr_spares) < SPARES)
		add_spare();
}

/* The table. */

static u32 hash_of(const char *path, size_t len)
{
	return jhash(path, len, hash_seed);
}

/**
 * l1t_tenants_are_there() - is any tenant or pattern defined
 *
 * Context: l1t_lock held.
 * Return: true if there is one.
 */
bool l1t_tenants_are_there(void)
{
	return !list_empty(&l1t_tenants) || !list_empty(&patterns);
}

/**
 * l1t_tenant_find() - look up the tenant of a path
 * @path: begins with the tenant's path
 * @len: length of the tenant's path
 *
 * Context: l1t_lock held.
 * Return: the tenant or NULL.
 */
struct l1t_tenant *l1t_tenant_find(const char *path, size_t len)
{
	struct l1t_tenant *t;

	hash_for_each_possible(by_path, t, node, hash_of(path, len))
		if (!strncmp(t->path, path, len) && !t->path[len])
			return t;
	return NULL;
}

static struct l1t_tenant *find_pattern(const char *path)
{
	struct l1t_tenant *t;

	list_for_each_entry(t, &patterns, link)
		if (!strcmp(t->path, path))
			return t;
	return NULL;
}

/**
 * l1t_tenant_pattern_of() - find the pattern that a path matches
 * @path: the path
 * @levels: number of names in it
 *
 * Context: l1t_lock held.
 * Return: the pattern or NULL.
 */
struct l1t_tenant *l1t_tenant_pattern_of(const char *path, unsigned int levels)
{
	struct l1t_tenant *t;

	list_for_each_entry(t, &patterns, link)
		if (t->levels == levels && l1t_path_matches(t->path, t->literal, path))
			return t;
	return NULL;
}

/* Adding and removing. */

static void tell_change(struct l1t_tenant *t)
{
	if (list_empty(&t->changed))
		list_add_tail(&t->changed, &l1t_tenants_changed);
	on_change();
}

static void enter(struct l1t_tenant *t, const char *path, size_t len)
{
	memcpy(t->path, path, len);
	t->path[len] = '\0';
	t->levels = l1t_path_levels(t->path);
	t->id = ++nr_ever;
	if (t->is_pattern) {
		t->literal = l1t_path_literal(t->path);
		list_add_tail(&t->link, &patterns);
		nr_patterns++;
	} else {
		list_add_tail(&t->link, &l1t_tenants);
		hash_add(by_path, &t->node, hash_of(path, len));
	}
	tell_change(t);
}

/*
 * A user who may create cgroups that match one pattern must not use up the matches of all:
 * a pattern may have as many as are left, so at most half, and some are always left.
 */
static bool may_have_match(const struct l1t_tenant *pattern)
{
	return pattern->matches < MOST_MATCHES - nr_matches;
}

/**
 * l1t_tenant_make_match() - make a cgroup that matches a pattern a tenant
 * @pattern: the pattern
 * @path: begins with the cgroup's path
 * @len: length of the cgroup's path
 *
 * Context: l1t_lock held; the caller adds a guest before it unlocks.
 * Return: the tenant, or NULL if there is no spare, or the pattern has too many.
 */
struct l1t_tenant *l1t_tenant_make_match(struct l1t_tenant *pattern, const char *path,
					 size_t len)
{
	struct l1t_tenant *t = may_have_match(pattern) ? take_spare() : NULL;

	if (!t)
		return NULL;
	get_device(&pattern->dev);
	t->pattern = pattern;
	pattern->matches++;
	nr_matches++;
	enter(t, path, len);
	return t;
}

/**
 * l1t_tenant_busy() - a tenant has a guest
 * @t: the tenant
 *
 * Context: l1t_lock held.
 */
void l1t_tenant_busy(struct l1t_tenant *t)
{
	list_del_init(&t->idle);
}

/**
 * l1t_tenant_idle() - a match has no guests any more
 * @t: the match
 *
 * Context: l1t_lock held.
 */
void l1t_tenant_idle(struct l1t_tenant *t)
{
	t->idle_since = jiffies;
	list_add_tail(&t->idle, &idle_matches);
}

/* It has its own limits from now on; it had none before. */
static void make_own(struct l1t_tenant *t)
{
	struct l1t_tenant *pattern = t->pattern;

	pattern->matches--;
	nr_matches--;
	nr_tenants++;
	list_del_init(&t->idle);
	WRITE_ONCE(t->pattern, NULL);
	/* Not the last reference: the table has one. */
	put_device(&pattern->dev);
	tell_change(t);
}

/**
 * l1t_tenant_get() - look up the tenant or pattern of a path, and take a reference
 * @path: the whole path
 *
 * Context: l1t_lock not held.
 * Return: the tenant or NULL.
 */
struct l1t_tenant *l1t_tenant_get(const char *path)
{
	struct l1t_tenant *t;

	raw_spin_lock(&l1t_lock);
	t = l1t_path_is_pattern(path) ? find_pattern(path) : l1t_tenant_find(path, strlen(path));
	if (t)
		get_device(&t->dev);
	raw_spin_unlock(&l1t_lock);
	return t;
}

static int try_define(struct l1t_tenant *new)
{
	struct l1t_tenant *known;

	if (new->is_pattern) {
		if (find_pattern(new->path))
			return -EEXIST;
		if (nr_patterns >= MOST_PATTERNS)
			return -ENOSPC;
	} else {
		known = l1t_tenant_find(new->path, strlen(new->path));
		if (known && !known->pattern)
			return -EEXIST;
		if (nr_tenants >= MOST_TENANTS)
			return -ENOSPC;
		if (known) {
			make_own(known);
			return 1;
		}
		nr_tenants++;
	}
	enter(new, new->path, strlen(new->path));
	return 0;
}

/**
 * l1t_tenant_define() - define a tenant, or a pattern
 * @path: from l1t_path_parse()
 *
 * Context: may sleep; callers serialize.
 * Return: 0, -EEXIST, -ENOSPC or -ENOMEM.
 */
int l1t_tenant_define(const char *path)
{
	struct l1t_tenant *t = tenant_alloc();
	int err;

	if (!t)
		return -ENOMEM;
	strscpy(t->path, path, sizeof(t->path));
	t->is_pattern = l1t_path_is_pattern(path);
	raw_spin_lock(&l1t_lock);
	err = try_define(t);
	raw_spin_unlock(&l1t_lock);
	if (err)
		put_device(&t->dev);
	return min(err, 0);
}

/**
 * l1t_tenant_unlink() - remove a tenant or pattern from the table
 * @t: the tenant; the caller removes its guests from it. The table's reference is
 *	dropped with its device
 *
 * Context: l1t_lock held.
 */
void l1t_tenant_unlink(struct l1t_tenant *t)
{
	lockdep_assert_held(&l1t_lock);
	list_del_init(&t->link);
	list_del_init(&t->idle);
	t->removed = true;
	if (t->is_pattern) {
		nr_patterns--;
	} else {
		hash_del(&t->node);
		if (t->pattern) {
			t->pattern->matches--;
			nr_matches--;
		} else {
			nr_tenants--;
		}
	}
	tell_change(t);
}

/**
 * l1t_tenant_any_match() - find a tenant that was made for a pattern
 * @pattern: the pattern
 *
 * Context: l1t_lock held.
 * Return: the tenant, or NULL if there is none.
 */
struct l1t_tenant *l1t_tenant_any_match(const struct l1t_tenant *pattern)
{
	struct l1t_tenant *t;

	lockdep_assert_held(&l1t_lock);
	if (!pattern->matches)
		return NULL;
	list_for_each_entry(t, &l1t_tenants, link)
		if (t->pattern == pattern)
			return t;
	return NULL;
}

/**
 * l1t_tenant_any_pattern() - find a pattern
 *
 * Context: l1t_lock held.
 * Return: the pattern, or NULL if there is none.
 */
struct l1t_tenant *l1t_tenant_any_pattern(void)
{
	return list_first_entry_or_null(&patterns, struct l1t_tenant, link);
}

/**
 * l1t_tenants_have_matches() - are there tenants that may have to be forgotten
 *
 * Return: true if there is a match of a pattern.
 */
bool l1t_tenants_have_matches(void)
{
	return READ_ONCE(nr_matches);
}

/**
 * l1t_tenant_forgettable() - find a match that has had no guests for long
 *
 * Context: l1t_lock held.
 * Return: the match, or NULL if there is none.
 */
struct l1t_tenant *l1t_tenant_forgettable(void)
{
	struct l1t_tenant *t = list_first_entry_or_null(&idle_matches,
							struct l1t_tenant, idle);
	unsigned long idle = nr_matches > MANY_MATCHES ? HZ : IDLE;

	lockdep_assert_held(&l1t_lock);
	return t && time_after(jiffies, t->idle_since + idle) ? t : NULL;
}

/* Load and unload. */

/**
 * l1t_tenants_init() - prepare for tenants
 * @changed: called with l1t_lock held when l1t_tenants_changed gets an entry
 */
void l1t_tenants_init(void (*changed)(void))
{
	hash_seed = get_random_u32();
	on_change = changed;
}

/**
 * l1t_tenants_stop() - free the spares, and make no more
 *
 * Context: may sleep; no hook is attached, and nothing is defined any more.
 */
void l1t_tenants_stop(void)
{
	struct l1t_tenant *t, *next;

	raw_spin_lock(&l1t_lock);
	stopped = true;
	raw_spin_unlock(&l1t_lock);
	cancel_work_sync(&spares_work);
	list_for_each_entry_safe(t, next, &spares, link) {
		list_del_init(&t->link);
		put_device(&t->dev);
	}
}

/**
 * l1t_tenants_exit() - wait until no tenant is left in memory
 *
 * Context: all have been removed.
 */
void l1t_tenants_exit(void)
{
	wait_event(all_freed, !atomic_read(&nr_unfreed));
	/* The last callback may not have returned from this module yet. */
	rcu_barrier();
}
