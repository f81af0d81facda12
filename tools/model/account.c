// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "model/account.h"

bool guest_cost_ns(const struct guest_snapshot *guest, uint64_t *ns)
{
	const struct tally *helpers = &guest->beside.helpers;

	*ns = add_saturated(add_saturated(exits_part_ns(&guest->stats, PART_KERNEL),
					  exits_part_ns(&guest->stats, PART_VMM)),
			    helpers->ns);
	return exits_are_split(&guest->stats) && helpers->is_known;
}

bool guest_lacks_helpers(const struct guest_snapshot *guest)
{
	return !guest->beside.helpers.is_known && guest->guest.vcpus;
}

static struct account *add_account(struct accounts *accounts, const struct tenant *tenant,
				   const char *cgroup)
{
	struct account *account = xcalloc(1, sizeof(*account));

	*account = (struct account){ .tenant = tenant, .cgroup = cgroup };
	*GROW(accounts->v, accounts->num) = account;
	return account;
}

static bool is_cgroup(const struct account *account, const char *cgroup)
{
	if (account->tenant || !account->cgroup || !cgroup)
		return !account->tenant && !account->cgroup && !cgroup;
	return !strcmp(account->cgroup, cgroup);
}

static struct account *of_cgroup(struct accounts *accounts, const char *cgroup)
{
	size_t i;

	for (i = 0; i < accounts->num; i++)
		if (is_cgroup(accounts->v[i], cgroup))
			return accounts->v[i];
	return add_account(accounts, NULL, cgroup);
}

/* The accounts of tenants come first, in their order. */
static struct account *of_tenant(const struct accounts *accounts,
				 const struct tenants *tenants, uint64_t id)
{
	const struct tenant *tenant = tenants_at(tenants, id);

	return tenant ? accounts->v[tenant - tenants->v] : NULL;
}

static void add_guest(struct account *account, const struct guest_snapshot *guest)
{
	*GROW(account->guests, account->num_guests) = guest;
}

/* A pattern has the guests of its matches. */
static void charge(struct accounts *accounts, const struct tenants *tenants,
		   const struct guest_snapshot *guest)
{
	const struct guest *who = &guest->guest;
	bool is_charged = false;
	size_t i;

	for (i = 0; i < who->num_tenants; i++) {
		struct account *account = of_tenant(accounts, tenants, who->tenants[i]);
		struct account *pattern = account && account->tenant->is_match ?
			of_tenant(accounts, tenants, account->tenant->pattern) : NULL;

		if (account)
			add_guest(account, guest);
		if (pattern)
			add_guest(pattern, guest);
		is_charged |= !!account;
	}
	if (!is_charged)
		add_guest(of_cgroup(accounts, guest_charged_cgroup(who)), guest);
}

static void sum_guests(struct account *account)
{
	size_t i, part;

	account->is_split = account->num_guests;
	account->is_stolen_known = account->num_guests;
	for (i = 0; i < account->num_guests; i++) {
		const struct guest_snapshot *guest = account->guests[i];
		const struct exit_stats *stats = &guest->stats;

		account->exits = add_saturated(account->exits, guest->guest.exits);
		account->exit_time_ns = add_saturated(account->exit_time_ns,
						      guest->guest.exit_time_ns);
		account->guest_time_ns = add_saturated(account->guest_time_ns,
						       guest->guest.guest_time_ns);
		/* Without an exit yet all parts are known to be nothing. */
		account->is_split &= !stats->num_cells || exits_are_split(stats);
		for (part = 0; part < NUM_PARTS; part++)
			account->part_ns[part] = add_saturated(account->part_ns[part],
							       exits_part_ns(stats, part));
		account->is_stolen_known &= stats->has[STAT_STOLEN];
		account->stolen_ns = add_saturated(account->stolen_ns,
						   stats->value[STAT_STOLEN]);
		if (guest->is_ended)
			continue;
		account->vms++;
		account->vcpus = add_saturated(account->vcpus, guest->guest.vcpus);
		/* As the module counts them. */
		account->memory_bytes = add_saturated(account->memory_bytes,
						      guest->guest.memory_peak_bytes);
	}
}

/* What the guests' sum lacks: those that ended, and what was before it was looked at. */
static void take_counts(struct account *account, const struct tenant_counts *counts)
{
	size_t part;

	account->is_started_known = counts->has[TOTAL_VMS];
	account->started = counts->total[TOTAL_VMS];
	account->exits = counts->total[TOTAL_EXITS];
	account->exit_time_ns = counts->total[TOTAL_EXIT_TIME];
	account->guest_time_ns = counts->total[TOTAL_GUEST_TIME];
	account->is_stolen_known = counts->has[TOTAL_STOLEN];
	account->stolen_ns = counts->total[TOTAL_STOLEN];
	account->is_split = true;
	for (part = 0; part < NUM_PARTS; part++) {
		account->is_split &= counts->has[TOTAL_PARTS + part];
		account->part_ns[part] = counts->total[TOTAL_PARTS + part];
	}
	if (!counts->has_use)
		return;
	account->vms = counts->use[USE_VMS];
	account->vcpus = counts->use[USE_VCPUS];
	account->memory_bytes = counts->use[USE_MEMORY];
}

static void add_helpers(struct account *account)
{
	size_t i;

	for (i = 0; i < account->num_guests; i++) {
		const struct guest_snapshot *guest = account->guests[i];
		const struct tally *helpers = &guest->beside.helpers;

		if (helpers->is_known)
			account->helpers_ns = add_saturated(account->helpers_ns, helpers->ns);
		account->are_helpers_known |= helpers->is_known;
		account->num_without_helpers += guest_lacks_helpers(guest);
	}
	account->are_helpers_known |= !account->num_without_helpers;
	account->is_cost_known = account->is_split && account->are_helpers_known;
	account->cost_ns = add_saturated(add_saturated(account->part_ns[PART_KERNEL],
						       account->part_ns[PART_VMM]),
					 account->helpers_ns);
}

static bool is_around(const struct account *outer, const struct account *inner)
{
	const struct tenant *tenant = outer->tenant;

	if (outer == inner || !tenant)
		return false;
	if (tenant->is_pattern)
		return inner->tenant && inner->tenant->is_match &&
		       inner->tenant->pattern == tenant->id;
	if (!inner->tenant || inner->tenant->is_match)
		return false;
	return tenant_covers(tenant->cgroup, inner->cgroup) &&
	       strcmp(tenant->cgroup, inner->cgroup);
}

/* The account around a match is its pattern; that around a pattern has its whole path. */
static void find_outer(const struct accounts *accounts, struct account *inner)
{
	size_t i;

	for (i = 0; i < accounts->num; i++) {
		const struct account *account = accounts->v[i], *outer = inner->outer;

		if (is_around(account, inner) &&
		    (!outer || strlen(account->cgroup) > strlen(outer->cgroup)))
			inner->outer = account;
	}
}

static int compare(const void *a, const void *b)
{
	const struct account *x = *(const struct account *const *)a;
	const struct account *y = *(const struct account *const *)b;

	if (x->cost_ns != y->cost_ns)
		return x->cost_ns > y->cost_ns ? -1 : 1;
	if (x->exits != y->exits)
		return x->exits > y->exits ? -1 : 1;
	return strcmp(x->cgroup ? x->cgroup : "", y->cgroup ? y->cgroup : "");
}

/* Places the accounts inside a tenant after it; @outer is NULL for the outermost. */
static size_t place(const struct accounts *from, const struct account *outer,
		    struct account **to)
{
	size_t num = 0, i;

	for (i = 0; i < from->num; i++) {
		if (from->v[i]->outer != outer)
			continue;
		to[num++] = from->v[i];
		num += place(from, from->v[i], to + num);
	}
	return num;
}

static void free_account(struct account *account)
{
	free(account->guests);
	free(account);
}

/* An outer account has the guests of those inside it, so none points to a dropped one. */
static void drop_empty(struct accounts *accounts)
{
	size_t kept = 0, i;

	for (i = 0; i < accounts->num; i++) {
		if (accounts->v[i]->num_guests)
			accounts->v[kept++] = accounts->v[i];
		else
			free_account(accounts->v[i]);
	}
	accounts->num = kept;
}

static void order(struct accounts *accounts)
{
	struct account **placed = xcalloc(accounts->num, sizeof(struct account *));
	size_t i;

	if (accounts->num)
		qsort(accounts->v, accounts->num, sizeof(struct account *), compare);
	for (i = 0; i < accounts->num; i++)
		find_outer(accounts, accounts->v[i]);
	place(accounts, NULL, placed);
	free(accounts->v);
	accounts->v = placed;
}

void accounts_make(struct accounts *accounts, const struct snapshot *snapshot,
		   bool only_guests)
{
	const struct counted_tenants *counted = &snapshot->tenants;
	const struct tenants *tenants = &counted->tenants;
	size_t i;

	*accounts = (struct accounts){ };
	for (i = 0; i < tenants->num; i++)
		add_account(accounts, &tenants->v[i], tenants->v[i].cgroup);
	for (i = 0; i < snapshot->num_guests; i++)
		charge(accounts, tenants, &snapshot->guests[i]);
	for (i = 0; i < accounts->num; i++) {
		sum_guests(accounts->v[i]);
		if (accounts->v[i]->tenant && !only_guests)
			take_counts(accounts->v[i], &counted->counts[i]);
		add_helpers(accounts->v[i]);
	}
	if (only_guests)
		drop_empty(accounts);
	order(accounts);
}

void account_sum(const struct account *account, const struct snapshot *snapshot,
		 struct guest_snapshot *sum)
{
	snapshot_sum_some(snapshot, account->guests, account->num_guests,
			  account->cgroup ? account->cgroup : "", sum);
	sum->guest.id = account->tenant ? account->tenant->id : 0;
	sum->beside.helpers.ns = account->helpers_ns;
	sum->beside.helpers.is_known = !account->num_without_helpers;
}

void accounts_free(struct accounts *accounts)
{
	size_t i;

	for (i = 0; i < accounts->num; i++)
		free_account(accounts->v[i]);
	free(accounts->v);
	*accounts = (struct accounts){ };
}

void accounts_explain(const struct snapshot *snapshot, bool *is_said)
{
	if (!snapshot->tenants.are_known && !*is_said)
		complain("tenants are unknown here: guests are grouped by their VMM's control group");
	*is_said = true;
}
