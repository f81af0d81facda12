// SPDX-License-Identifier: GPL-2.0
#include <linux/hash.h>
#include <linux/minmax.h>
#include <linux/user_namespace.h>

#include "lock.h"
#include "payer.h"
#include "user.h"

/* User namespaces nest about 33 deep, so the table always has free entries. */
#define PAYER_BITS	6

/**
 * struct payer - a user whom one more VM would be charged to
 * @uid: the user
 * @vms: VMs of this user
 * @counted: number of the VM that was counted last: a VM counts once
 * @used: this entry of the table is in use
 */
struct payer {
	kuid_t uid;
	u32 vms;
	u32 counted;
	bool used;
};

/* By the hash of the uid, or in the next free entry; l1t_lock. */
static struct payer payers[1 << PAYER_BITS];

/* How many VMs l1t_payers_count() was called for; l1t_lock. */
static u32 nr_counted;

/* The entry of this user, or the free one where it would be. */
static struct payer *entry_of(kuid_t uid)
{
	unsigned int i = hash_32(__kuid_val(uid), PAYER_BITS);

	while (payers[i].used && !uid_eq(payers[i].uid, uid))
		i = (i + 1) % ARRAY_SIZE(payers);
	return &payers[i];
}

static void add(kuid_t uid)
{
	struct payer *p = entry_of(uid);

	if (!p->used)
		*p = (struct payer){ .uid = uid, .vms = l1t_user_vms(uid), .used = true };
}

static void count(kuid_t uid)
{
	struct payer *p = entry_of(uid);

	if (p->used && p->counted != nr_counted) {
		p->counted = nr_counted;
		p->vms++;
	}
}

static void each_user(const struct cred *cred, void (*fn)(kuid_t uid))
{
	const struct user_namespace *ns;

	fn(cred->uid);
	for (ns = cred->user_ns; ns != &init_user_ns; ns = ns->parent)
		fn(ns->owner);
}

/**
 * l1t_payers_find() - begin with the VMs that are charged already
 * @cred: of who creates one more
 */
void l1t_payers_find(const struct cred *cred)
{
	lockdep_assert_held(&l1t_lock);
	memset(payers, 0, sizeof(payers));
	nr_counted = 0;
	each_user(cred, add);
}

/**
 * l1t_payers_count() - count a VM that is not charged to its users yet
 * @cred: of its creator
 */
void l1t_payers_count(const struct cred *cred)
{
	lockdep_assert_held(&l1t_lock);
	nr_counted++;
	each_user(cred, count);
}

/**
 * l1t_payers_most_vms() - the most VMs that any of these users has
 *
 * Return: the number.
 */
u32 l1t_payers_most_vms(void)
{
	unsigned int i;
	u32 most = 0;

	lockdep_assert_held(&l1t_lock);
	for (i = 0; i < ARRAY_SIZE(payers); i++)
		most = max(most, payers[i].vms);
	return most;
}
