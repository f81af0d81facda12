// SPDX-License-Identifier: GPL-2.0
/*
 * Decides which tenants a guest belongs to, and charges them. A guest gets its places in
 * the hook on KVM_CREATE_VM. What it uses from then on is charged to the tenants in which
 * it has a place.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "cgroup.h"
#include "places.h"
#include "tenant_path.h"

/*
 * Called for each level of a path that has a tenant, or that matches a pattern and has
 * none yet. @pattern is set in the latter case; @len is the length of the path up to that
 * level.
 */
typedef void (*level_fn)(struct l1t_places *places, unsigned int level,
			 struct l1t_tenant *t, struct l1t_tenant *pattern,
			 const char *path, size_t len, const struct l1t_ledger *has);

static void each_level(const char *path, struct l1t_places *places,
		       const struct l1t_ledger *has, level_fn fn)
{
	unsigned int level, levels = min_t(unsigned int, l1t_path_levels(path),
					   L1T_CGROUP_LEVELS);
	struct l1t_tenant *t, *pattern;
	/* Too large for the stack. */
	static char head[L1T_CGROUP_BYTES];
	size_t len = 0;

	lockdep_assert_held(&l1t_lock);
	if (!l1t_tenants_are_there())
		return;
	for (level = 0; level <= levels; level++) {
		/* The rest of the path was truncated. */
		if (!strcmp(path + len, L1T_CGROUP_MORE))
			return;
		if (level)
			len += 1 + l1t_path_name_bytes(path + len + 1);
		t = level ? l1t_tenant_find(path, len) : l1t_tenant_find("/", 1);
		pattern = NULL;
		if (!t && level) {
			memcpy(head, path, len);
			head[len] = '\0';
			pattern = l1t_tenant_pattern_of(head, level);
		}
		if (t || pattern)
			fn(places, level, t, pattern, path, len, has);
	}
}

static void find_place(struct l1t_places *places, unsigned int level,
		       struct l1t_tenant *t, struct l1t_tenant *pattern,
		       const char *path, size_t len, const struct l1t_ledger *has)
{
	RCU_INIT_POINTER(places->at[level], t);
	places->levels = level + 1;
	if (!t)
		places->lacking = pattern;
}

/**
 * l1t_places_find() - find the tenants of a cgroup, for which there is no guest yet
 * @path: of the cgroup
 * @places: all NULL; filled in
 *
 * Context: l1t_lock held.
 */
void l1t_places_find(const char *path, struct l1t_places *places)
{
	each_level(path, places, NULL, find_place);
}

static void take_place(struct l1t_places *places, unsigned int level,
		       struct l1t_tenant *t, struct l1t_tenant *pattern,
		       const char *path, size_t len, const struct l1t_ledger *has)
{
	unsigned int kind;

	if (l1t_place(places, level))
		return;
	if (!t)
		t = l1t_tenant_make_match(pattern, path, len);
	if (!t) {
		places->lacking = pattern;
		return;
	}
	t->guests++;
	l1t_tenant_busy(t);
	for (kind = 0; kind < L1T_USED_KINDS; kind++)
		t->use.of[kind] += has->of[kind];
	rcu_assign_pointer(places->at[level], t);
	WRITE_ONCE(places->levels, max(places->levels, level + 1));
	for (; t; t = t->pattern) {
		t->vms += places->born;
		t->vcpus += has->of[L1T_USED_VCPUS];
	}
}

/**
 * l1t_places_join() - give a guest its place in each of its tenants
 * @path: of the cgroup in which it was created
 * @places: the guest's; places that it already has are kept
 * @has: what the guest uses, which is charged to the tenants
 *
 * Context: l1t_lock held.
 */
void l1t_places_join(const char *path, struct l1t_places *places,
		     const struct l1t_ledger *has)
{
	places->lacking = NULL;
	each_level(path, places, has, take_place);
}

static void give_up(struct l1t_places *places, unsigned int level)
{
	struct l1t_tenant *t = l1t_place(places, level);

	RCU_INIT_POINTER(places->at[level], NULL);
	if (--t->guests || !t->pattern || t->removed)
		return;
	l1t_tenant_idle(t);
}

/**
 * l1t_places_leave() - a guest that has ended gives up all its places
 * @places: the guest's, which uses nothing any more
 *
 * Context: l1t_lock held.
 */
void l1t_places_leave(struct l1t_places *places)
{
	unsigned int level;

	lockdep_assert_held(&l1t_lock);
	places->lacking = NULL;
	for (level = 0; level < places->levels; level++)
		if (l1t_place(places, level))
			give_up(places, level);
}

/**
 * l1t_places_drop() - take away a guest's place in a tenant
 * @places: the guest's
 * @t: the tenant or pattern
 * @has: what the guest uses
 *
 * Context: l1t_lock held.
 */
void l1t_places_drop(struct l1t_places *places, const struct l1t_tenant *t,
		      const struct l1t_ledger *has)
{
	struct l1t_tenant *at = l1t_place(places, t->levels);
	unsigned int kind;

	lockdep_assert_held(&l1t_lock);
	if (places->lacking == t)
		places->lacking = NULL;
	if (at != t)
		return;
	for (kind = 0; kind < L1T_USED_KINDS; kind++)
		at->use.of[kind] -= has->of[kind];
	give_up(places, t->levels);
}

/**
 * l1t_places_use() - a guest uses more, or less
 * @places: the guest's
 * @kind: of what
 * @more: how much more; may be negative
 *
 * Context: l1t_lock held.
 */
void l1t_places_use(const struct l1t_places *places, enum l1t_used kind, s64 more)
{
	struct l1t_tenant *t;
	unsigned int level;

	lockdep_assert_held(&l1t_lock);
	for (level = 0; level < places->levels; level++) {
		t = l1t_place(places, level);
		if (t)
			t->use.of[kind] += more;
	}
}

/**
 * l1t_places_each() - call a function for each tenant and each pattern of a guest
 * @places: the guest's
 * @fn: the function
 * @arg: passed to it
 *
 * Context: l1t_lock held.
 */
void l1t_places_each(const struct l1t_places *places,
		     void (*fn)(struct l1t_tenant *t, const void *arg), const void *arg)
{
	struct l1t_tenant *t;
	unsigned int level;

	lockdep_assert_held(&l1t_lock);
	for (level = 0; level < places->levels; level++)
		for (t = l1t_place(places, level); t; t = t->pattern)
			fn(t, arg);
}

static void add_vm(struct l1t_tenant *t, const void *unused)
{
	t->vms++;
}

static void add_vcpu(struct l1t_tenant *t, const void *unused)
{
	t->vcpus++;
}

/**
 * l1t_places_vm_born() - a guest's VM has been created
 * @places: the guest's
 *
 * Context: l1t_lock held.
 */
void l1t_places_vm_born(struct l1t_places *places)
{
	places->born = true;
	l1t_places_each(places, add_vm, NULL);
}

/**
 * l1t_places_vcpu_born() - a guest has one more vCPU
 * @places: the guest's
 *
 * Context: l1t_lock held.
 */
void l1t_places_vcpu_born(const struct l1t_places *places)
{
	l1t_places_each(places, add_vcpu, NULL);
}

/**
 * l1t_places_are_of() - does a guest belong to a tenant, or to a match of a pattern
 * @places: the guest's
 * @t: tenant or pattern; NULL: every guest does
 *
 * Return: true if it does.
 */
bool l1t_places_are_of(const struct l1t_places *places,
		       const struct l1t_tenant *t)
{
	const struct l1t_tenant *at;
	bool are;

	if (!t)
		return true;
	rcu_read_lock();
	at = l1t_place(places, t->levels);
	are = at && (at == t || READ_ONCE(at->pattern) == t);
	rcu_read_unlock();
	return are;
}

/**
 * l1t_places_take_creation() - a VM has been admitted: take its tokens
 * @places: the VM's
 * @now: CLOCK_MONOTONIC in ns
 *
 * Context: l1t_lock held.
 */
void l1t_places_take_creation(const struct l1t_places *places, u64 now)
{
	struct l1t_tenant *t;
	unsigned int level, bound;
	u64 rate;

	for (level = 0; level < places->levels; level++) {
		t = l1t_place(places, level);
		for (bound = 0; t && bound < L1T_BOUNDS; bound++) {
			rate = l1t_tenant_value(t, L1T_MAX_VMS_PER_SEC, bound);
			/* A threshold admits VMs even if there is no token. */
			if (rate != L1T_NO_LIMIT && l1t_tenant_may_create(t, bound, now))
				l1t_bucket_take(&t->creation[bound], rate, 1);
		}
	}
}
