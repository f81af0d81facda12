// SPDX-License-Identifier: GPL-2.0
/* Counts VMs per user, under l1t_lock; nothing is allocated or freed under it. */
#include <linux/hashtable.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "lock.h"
#include "user.h"

/**
 * struct l1t_user - a user who is charged for VMs
 * @uid: the user
 * @vms: living VMs
 * @refs: guests that refer to this
 * @node: in the hash table
 */
struct l1t_user {
	kuid_t uid;
	u32 vms;
	u32 refs;
	struct hlist_node node;
};

/**
 * struct l1t_users - all users who are charged for one VM
 * @nr: number of users
 * @user: the users, each once
 */
struct l1t_users {
	unsigned int nr;
	struct l1t_user *user[];
};

static DEFINE_HASHTABLE(by_uid, 8);

static struct l1t_user *known_user(kuid_t uid)
{
	struct l1t_user *user;

	hash_for_each_possible(by_uid, user, node, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/**
 * l1t_user_vms() - number of living VMs that a user is charged for
 * @uid: the user
 *
 * Context: l1t_lock held.
 * Return: the number.
 */
u32 l1t_user_vms(kuid_t uid)
{
	const struct l1t_user *user;

	lockdep_assert_held(&l1t_lock);
	user = known_user(uid);
	return user ? user->vms : 0;
}

/**
 * l1t_cred_outermost() - the user of the initial namespace behind a creator
 * @cred: of the creator
 *
 * The same user, whatever user namespaces they have created.
 *
 * Return: the user.
 */
kuid_t l1t_cred_outermost(const struct cred *cred)
{
	const struct user_namespace *ns;
	kuid_t uid = cred->uid;

	for (ns = cred->user_ns; ns != &init_user_ns; ns = ns->parent)
		uid = ns->owner;
	return uid;
}

/*
 * A VM that exists must be charged. A user who confines the VMM to a cgroup that is full
 * could make these allocations fail at will, and VMs that wait to be charged are in a list
 * that each creation of a VM walks, see l1t_newborn. They are small, and the cgroup is
 * charged for them beyond its limit.
 */
#define ALLOC_FLAGS	(GFP_KERNEL_ACCOUNT | __GFP_NOFAIL)

static bool has_user(const struct l1t_users *users, kuid_t uid)
{
	unsigned int i;

	for (i = 0; i < users->nr; i++)
		if (uid_eq(users->user[i]->uid, uid))
			return true;
	return false;
}

static void add_user(struct l1t_users *users, kuid_t uid)
{
	struct l1t_user *user;

	if (has_user(users, uid))
		return;
	user = kzalloc(sizeof(*user), ALLOC_FLAGS);
	user->uid = uid;
	users->user[users->nr++] = user;
}

/**
 * l1t_users_cancel() - undo l1t_users_alloc()
 * @users: not charged
 */
void l1t_users_cancel(struct l1t_users *users)
{
	unsigned int i;

	for (i = 0; i < users->nr; i++)
		kfree(users->user[i]);
	kfree(users);
}

/**
 * l1t_users_alloc() - allocate the users to be charged for a VM
 * @cred: of its creator
 *
 * Context: may sleep.
 * Return: the users, not charged yet; never NULL.
 */
struct l1t_users *l1t_users_alloc(const struct cred *cred)
{
	const struct user_namespace *ns;
	struct l1t_users *users;
	unsigned int nr = 1;

	for (ns = cred->user_ns; ns != &init_user_ns; ns = ns->parent)
		nr++;
	users = kzalloc(struct_size(users, user, nr), ALLOC_FLAGS);
	add_user(users, cred->uid);
	for (ns = cred->user_ns; ns != &init_user_ns; ns = ns->parent)
		add_user(users, ns->owner);
	return users;
}

/**
 * l1t_users_charge() - charge a VM to its users
 * @users: from l1t_users_alloc(); not charged yet
 * @unused: collects what l1t_users_free_unused() must free after unlocking
 *
 * Context: l1t_lock held.
 */
void l1t_users_charge(struct l1t_users *users, struct hlist_head *unused)
{
	struct l1t_user *user, *known;
	unsigned int i;

	lockdep_assert_held(&l1t_lock);
	for (i = 0; i < users->nr; i++) {
		user = users->user[i];
		known = known_user(user->uid);
		if (known) {
			hlist_add_head(&user->node, unused);
			users->user[i] = known;
			user = known;
		} else {
			hash_add(by_uid, &user->node, __kuid_val(user->uid));
		}
		user->refs++;
		user->vms++;
	}
}

/**
 * l1t_users_free_unused() - free blocks of users that were already known
 * @unused: from l1t_users_charge()
 */
void l1t_users_free_unused(struct hlist_head *unused)
{
	struct hlist_node *next;
	struct l1t_user *user;

	hlist_for_each_entry_safe(user, next, unused, node)
		kfree(user);
}

/**
 * l1t_users_uncharge() - a VM has ended
 * @users: charged; l1t_users_free() follows
 *
 * Context: l1t_lock held.
 */
void l1t_users_uncharge(struct l1t_users *users)
{
	unsigned int i;

	lockdep_assert_held(&l1t_lock);
	for (i = 0; i < users->nr; i++)
		users->user[i]->vms--;
}

/**
 * l1t_users_free() - undo l1t_users_charge() and l1t_users_alloc()
 * @users: uncharged, or NULL
 *
 * Context: takes l1t_lock, may sleep.
 */
void l1t_users_free(struct l1t_users *users)
{
	struct l1t_user *user;
	unsigned int i;
	bool last;

	if (!users)
		return;
	for (i = 0; i < users->nr; i++) {
		user = users->user[i];
		raw_spin_lock(&l1t_lock);
		last = !--user->refs;
		if (last)
			hash_del(&user->node);
		raw_spin_unlock(&l1t_lock);
		if (last)
			kfree(user);
	}
	kfree(users);
}
