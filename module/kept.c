// SPDX-License-Identifier: GPL-2.0
/*
 * Decides which record of an ended guest is dropped for a newer one. A user who makes guests
 * end all the time costs others a few passes over the list for each, and no record.
 */
#include "kept.h"

static struct l1t_kept *first_of(const struct list_head *list, kuid_t user)
{
	struct l1t_kept *k;

	list_for_each_entry(k, list, link)
		if (uid_eq(k->user, user))
			return k;
	return NULL;
}

/**
 * l1t_kept_add() - add an entry as the newest
 * @list: of struct l1t_kept
 * @k: its user is set
 *
 * Context: one caller at a time for each list, as for all of these.
 */
void l1t_kept_add(struct list_head *list, struct l1t_kept *k)
{
	struct l1t_kept *first = first_of(list, k->user);

	k->nr = 0;
	k->first = first ?: k;
	k->first->nr++;
	list_add_tail(&k->link, list);
}

/**
 * l1t_kept_remove() - remove an entry
 * @list: the list that it is in
 * @k: the entry
 */
void l1t_kept_remove(struct list_head *list, struct l1t_kept *k)
{
	struct l1t_kept *first, *other;

	list_del(&k->link);
	k->first->nr--;
	if (k->first != k || !k->nr)
		return;
	first = first_of(list, k->user);
	first->nr = k->nr;
	list_for_each_entry(other, list, link)
		if (other->first == k)
			other->first = first;
}

/**
 * l1t_kept_least_wanted() - choose the entry to remove when there are too many
 * @list: of struct l1t_kept
 *
 * Return: the oldest entry of the user who has most of them; NULL if there is none.
 */
struct l1t_kept *l1t_kept_least_wanted(const struct list_head *list)
{
	struct l1t_kept *k, *least = NULL;

	list_for_each_entry(k, list, link)
		if (k->first == k && (!least || k->nr > least->nr))
			least = k;
	return least;
}
