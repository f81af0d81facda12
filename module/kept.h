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
 */
struct l1t_kept {
	struct list_head link;
	kuid_t user;
};

struct l1t_kept *l1t_kept_least_wanted(const struct list_head *list);

#endif
