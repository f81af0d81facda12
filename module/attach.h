/* SPDX-License-Identifier: GPL-2.0 */
/* Finding the running KVM, holding on to it, letting go of it. */
#ifndef L1TUNE_ATTACH_H
#define L1TUNE_ATTACH_H

#include <linux/list.h>

#include "reason.h"
#include "symbol.h"

enum l1t_hook {
	L1T_HOOK_KVM_EXIT,
	L1T_HOOK_KVM_ENTRY,
	L1T_HOOK_EXIT_REASON,
	L1T_HOOK_VM_LIST,
	L1T_HOOK_VM_CREATE,
	L1T_HOOK_VM_FREE,
	L1T_HOOK_VCPU_CREATE,
	L1T_HOOK_VCPU_DESTROY,
	L1T_HOOK_MEMORY,
	L1T_HOOK_RUN,
	L1T_HOOK_PUT,
	L1T_HOOK_SCHED_OUT,
	L1T_HOOK_SCHED_IN,
	L1T_HOOKS
};

enum l1t_isa l1t_isa(void);
const char *l1t_hook_state(enum l1t_hook hook);

int l1t_vms_lock(void);
void l1t_vms_unlock(void);
struct list_head *l1t_vms(void);

int l1t_attach(void);
void l1t_detach(void);

#endif
