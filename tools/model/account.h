/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ACCOUNT_H
#define L1TUNE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

/* What the guests of a tenant had, or those of a cgroup that no tenant has. */
struct account {
	/* NULL if it is no tenant. */
	const struct tenant *tenant;
	/* Its path or pattern; NULL for guests of which it is not known. */
	const char *cgroup;
	/* The smallest tenant that has all of it, of a match its pattern; or NULL. */
	const struct account *outer;
	/* Those that are there, and those that ended in the interval. */
	const struct guest_snapshot **guests;
	size_t num_guests;
	/* Now. */
	uint64_t vms, vcpus, memory_bytes;
	/* All that the tenant has had, or in the interval. */
	bool is_started_known;
	uint64_t started;
	/*
	 * For a tenant, the module's counts, which include guests that ended; otherwise
	 * the sum of the guests.
	 */
	uint64_t exits, exit_time_ns, guest_time_ns;
	bool is_split;
	uint64_t part_ns[NUM_PARTS];
	bool is_stolen_known;
	uint64_t stolen_ns;
	/* The sum of its guests but for num_without_helpers; unknown if that is all of them. */
	bool are_helpers_known;
	uint64_t helpers_ns;
	size_t num_without_helpers;
	/* What it cost the host beside the guests' own time. */
	bool is_cost_known;
	uint64_t cost_ns;
};

/* A tenant before those in it, otherwise the most expensive first. */
struct accounts {
	struct account **v;
	size_t num;
};

/*
 * Points into the snapshot. With only_guests the counts are those of the guests that
 * the snapshot has, and only what has such a guest is there.
 */
void accounts_make(struct accounts *accounts, const struct snapshot *snapshot,
		   bool only_guests);
void accounts_free(struct accounts *accounts);

/*
 * Its guests as one, which has the id of the tenant, or 0, and is called like the
 * cgroup. Free with snapshot_free_sum().
 */
void account_sum(const struct account *account, const struct snapshot *snapshot,
		 struct guest_snapshot *sum);

/* Says once that no tenants are known, and what guests are summed by then. */
void accounts_explain(const struct snapshot *snapshot, bool *is_said);

/* Is the time of its helpers unknown? One without vCPUs only probes KVM, and has none. */
bool guest_lacks_helpers(const struct guest_snapshot *guest);

/*
 * What a guest cost the host beside its own time: the CPU time in KVM, in the VMM
 * and of helpers. False if one of them is not known.
 */
bool guest_cost_ns(const struct guest_snapshot *guest, uint64_t *ns);

#endif
