/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tenants: cgroups, each including all below it, that have their own limits and
 * accounts.
 *
 * A tenant is identified by its path, so a cgroup that is removed and created again is
 * the same tenant. A pattern is not a tenant itself: each cgroup that matches it
 * becomes a tenant when a VM is created in it, has the pattern's limits, and is
 * forgotten some time after its last guest.
 */
#ifndef L1TUNE_TENANT_H
#define L1TUNE_TENANT_H

#include <linux/device.h>
#include <linux/list.h>

#include "bucket.h"
#include "cgroup.h"
#include "counts.h"
#include "ledger.h"
#include "limit.h"
#include "lock.h"
#include "starts.h"

/**
 * struct l1t_tenant - a tenant, or a pattern of tenants
 * @dev: tenant-<id>
 * @rcu: frees it
 * @node: in the hash table by @path, unless it is a pattern; l1t_lock
 * @link: in the list of tenants, of patterns or of spares; l1t_lock
 * @changed: among those whose devices must be updated; l1t_lock
 * @idle: among matches without guests, the longest idle first; l1t_lock
 * @idle_since: in jiffies, while it is idle
 * @id: never reused while the module is loaded
 * @pattern: the pattern that it matches, with a reference; NULL: defined itself
 * @is_pattern: it is a pattern
 * @removed: it is not in the table any more; l1t_lock
 * @published: its device has been added; only in the tenants' work
 * @levels: number of names in @path
 * @literal: of a pattern, bytes before the first name with a wildcard
 * @use: what its guests use; l1t_lock
 * @guests: guests that have a place in it, including dead ones; l1t_lock
 * @matches: of a pattern, its tenants; l1t_lock
 * @vms: guests that it has had; l1t_lock
 * @vcpus: vCPUs that these have had; l1t_lock
 * @values: limits and thresholds in effect; written under l1t_lock
 * @requested: what hooks are attached for; writers are serialized by the caller
 * @exceeded: how often each was exceeded
 * @creation: tokens for VMs; l1t_lock
 * @pace: tokens for exits; throttle.c's
 * @dead: counts of its guests that ended; totals.c's
 * @started: starts of its guests that ended; started.c's
 * @snapshot: recent counts of all its guests; totals.c's
 * @snapshot_until: valid until then, in jiffies
 * @has_snapshot: there is a snapshot
 * @path: its path, or the pattern
 */
struct l1t_tenant {
	struct device dev;
	struct rcu_head rcu;
	struct hlist_node node;
	struct list_head link;
	struct list_head changed;
	struct list_head idle;
	unsigned long idle_since;
	u64 id;
	struct l1t_tenant *pattern;
	bool is_pattern;
	bool removed;
	bool published;
	unsigned int levels;
	size_t literal;
	struct l1t_ledger use;
	u32 guests;
	u32 matches;
	u64 vms;
	u64 vcpus;
	u64 values[L1T_BOUNDS][L1T_LIMITS];
	u64 requested[L1T_BOUNDS][L1T_LIMITS];
	atomic64_t exceeded[L1T_BOUNDS][L1T_LIMITS];
	struct l1t_bucket creation[L1T_BOUNDS];
	struct l1t_bucket pace[L1T_BOUNDS];
	struct l1t_counts dead;
	struct l1t_starts started;
	struct l1t_counts snapshot;
	unsigned long snapshot_until;
	bool has_snapshot;
	char path[L1T_CGROUP_BYTES];
};

bool l1t_is_tenant(const struct device *dev);

#define dev_to_tenant(d)	container_of(d, struct l1t_tenant, dev)

extern struct list_head l1t_tenants;
extern struct list_head l1t_tenants_changed;

bool l1t_tenants_are_there(void);
struct l1t_tenant *l1t_tenant_find(const char *path, size_t len);
struct l1t_tenant *l1t_tenant_pattern_of(const char *path, unsigned int levels);
struct l1t_tenant *l1t_tenant_make_match(struct l1t_tenant *pattern, const char *path,
					 size_t len);
void l1t_tenant_busy(struct l1t_tenant *t);
void l1t_tenant_idle(struct l1t_tenant *t);
struct l1t_tenant *l1t_tenant_get(const char *path);
int l1t_tenant_define(const char *path);
void l1t_tenant_unlink(struct l1t_tenant *t);
struct l1t_tenant *l1t_tenant_any_match(const struct l1t_tenant *pattern);
struct l1t_tenant *l1t_tenant_any_pattern(void);
bool l1t_tenants_have_matches(void);
struct l1t_tenant *l1t_tenant_forgettable(void);

void l1t_tenants_fill(void);
void l1t_tenants_reserve(void);

void l1t_tenants_init(void (*changed)(void));
void l1t_tenants_stop(void);
void l1t_tenants_exit(void);

/* tenant_limit.c */
u64 l1t_tenant_value(const struct l1t_tenant *t, enum l1t_limit limit,
		     enum l1t_bound bound);
void l1t_tenant_request(struct l1t_tenant *t, enum l1t_limit limit,
			enum l1t_bound bound, u64 value);
void l1t_tenant_enforce(struct l1t_tenant *t, enum l1t_limit limit,
			enum l1t_bound bound);
void l1t_tenant_count(struct l1t_tenant *t, enum l1t_limit limit,
		      enum l1t_bound bound);
bool l1t_tenant_may_create(struct l1t_tenant *t, enum l1t_bound bound, u64 now);

#endif
