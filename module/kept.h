/* SPDX-License-Identifier: GPL-2.0 */
/* Records of guests that ended, until newer ones displace them. */
#ifndef L1TUNE_KEPT_H
#define L1TUNE_KEPT_H

#include <linux/list.h>
#include <linux/uidgid.h>

/**
 * struct l1t_kept - a record that is kept for a user
 * @link: in a list, oldest first
 * @user: whose record it is
 * @first: the oldest entry of the same user
 * @nr: number of entries of the user; only in @first
 */
struct l1t_kept {
	struct list_head link;
	kuid_t user;
	struct l1t_kept *first;
	unsigned int nr;
};

void l1t_kept_add(struct list_head *list, struct l1t_kept *k);
void l1t_kept_remove(struct list_head *list, struct l1t_kept *k);
struct l1t_kept *l1t_kept_least_wanted(const struct list_head *list);

#endif
