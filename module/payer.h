/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The users whom one more VM would be charged to, and how many VMs each of them has:
 * those that are charged to them, and those that are being created.
 *
 * Each step costs as much as the user namespaces are deep. Context of all: l1t_lock
 * held from l1t_payers_find() to l1t_payers_most_vms().
 */
#ifndef L1TUNE_PAYER_H
#define L1TUNE_PAYER_H

#include <linux/cred.h>

void l1t_payers_find(const struct cred *cred);
void l1t_payers_count(const struct cred *cred);
u32 l1t_payers_most_vms(void);

#endif
