/* SPDX-License-Identifier: GPL-2.0 */
/* The places of a guest in tenants: at most one at each level of its cgroup's path. */
#ifndef L1TUNE_PLACES_H
#define L1TUNE_PLACES_H

#include <linux/rcupdate.h>

#include "lock.h"
#include "tenant.h"

/* One for the root, and one for each name in a path. */
#define L1T_PLACES		(L1T_CGROUP_LEVELS + 1)

/**
 * struct l1t_places - the tenants that a guest belongs to
 * @at: by the number of names in their paths; written under l1t_lock
 * @levels: entries of @at that may be set; the rest are NULL
 * @lacking: a pattern that matches, if there was no spare for the match
 * @born: the guest's VM has been created
 */
struct l1t_places {
	struct l1t_tenant __rcu *at[L1T_PLACES];
	unsigned int levels;
	struct l1t_tenant *lacking;
	bool born;
};

/* Context: RCU read section or l1t_lock. */
static inline struct l1t_tenant *l1t_place(const struct l1t_places *places,
					   unsigned int level)
{
	return rcu_dereference_check(places->at[level], lockdep_is_held(&l1t_lock));
}

void l1t_places_find(const char *path, struct l1t_places *places);
void l1t_places_join(const char *path, struct l1t_places *places,
		     const struct l1t_ledger *has);
void l1t_places_leave(struct l1t_places *places);
void l1t_places_drop(struct l1t_places *places, const struct l1t_tenant *t,
		      const struct l1t_ledger *has);
void l1t_places_use(const struct l1t_places *places, enum l1t_used kind, s64 more);
void l1t_places_vm_born(struct l1t_places *places);
void l1t_places_vcpu_born(const struct l1t_places *places);
void l1t_places_take_creation(const struct l1t_places *places, u64 now);
void l1t_places_each(const struct l1t_places *places,
		     void (*fn)(struct l1t_tenant *t, const void *arg), const void *arg);
bool l1t_places_are_of(const struct l1t_places *places,
		       const struct l1t_tenant *t);

#endif
