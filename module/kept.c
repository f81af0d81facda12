// SPDX-License-Identifier: GPL-2.0
#include "kept.h"

static unsigned int nr_of_user(const struct list_head *list, kuid_t user)
{
	const struct l1t_kept *k;
	unsigned int n = 0;

	list_for_each_entry(k, list, link)
		n += uid_eq(k->user, user);
	return n;
}

/**
 * l1t_kept_least_wanted() - the entry to drop when there are too many
 * @list: of struct l1t_kept
 *
 * A user whose guests keep ending displaces only their own entries.
 *
 * Return: the oldest entry of the user who has most of them; NULL if there is none.
 */
struct l1t_kept *l1t_kept_least_wanted(const struct list_head *list)
{
	struct l1t_kept *k, *least = NULL;
	unsigned int n, most = 0;

	list_for_each_entry(k, list, link) {
		n = nr_of_user(list, k->user);
		if (n > most) {
			most = n;
			least = k;
		}
	}
	return least;
}
