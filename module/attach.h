/* SPDX-License-Identifier: GPL-2.0 */
/* Finding the running KVM, holding on to it, letting go of it. */
#ifndef L1TUNE_ATTACH_H
#define L1TUNE_ATTACH_H

#include <linux/list.h>

#include "hook.h"
#include "reason.h"
#include "symbol.h"

enum l1t_isa l1t_isa(void);

int l1t_vms_lock(void);
void l1t_vms_unlock(void);
struct list_head *l1t_vms(void);

int l1t_attach(void);
void l1t_detach(void);
void l1t_attach_limits(void);

#endif
