/* SPDX-License-Identifier: GPL-2.0 */
/* VMs that are older than the module. */
#ifndef L1TUNE_ADOPT_H
#define L1TUNE_ADOPT_H

#include <linux/list.h>
#include <linux/mutex.h>

int l1t_adopt(struct mutex *kvm_lock, struct list_head *vms);

#endif
