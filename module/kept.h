/* SPDX-License-Identifier: GPL-2.0 */
/* What is kept of guests that ended, as long as newer ones do not push it out. */
#ifndef L1TUNE_KEPT_H
#define L1TUNE_KEPT_H

#include <linux/list.h>
#include <linux/uidgid.h>

/**
 * struct l1t_kept - something that is kept for a user
 * @link: in a list, the oldest first
 * @user: whose it is, for what pushes out
 */
struct l1t_kept {
	struct list_head link;
	kuid_t user;
};

struct l1t_kept *l1t_kept_least_wanted(const struct list_head *list);

#endif
