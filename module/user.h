/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Number of VMs per user. A VM is charged to the user who created it, and to the
 * owners of the user namespaces that its creator was in.
 */
#ifndef L1TUNE_USER_H
#define L1TUNE_USER_H

#include <linux/cred.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct l1t_users;

kuid_t l1t_cred_outermost(const struct cred *cred);
struct l1t_users *l1t_users_alloc(const struct cred *cred);
void l1t_users_cancel(struct l1t_users *users);
void l1t_users_charge(struct l1t_users *users, struct hlist_head *unused);
void l1t_users_free_unused(struct hlist_head *unused);
void l1t_users_uncharge(struct l1t_users *users);
void l1t_users_free(struct l1t_users *users);
u32 l1t_user_vms(kuid_t uid);

#endif
