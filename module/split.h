/* SPDX-License-Identifier: GPL-2.0 */
/* Splits an exit's time into parts, by hooks on KVM_RUN and the scheduler's notifiers. */
#ifndef L1TUNE_SPLIT_H
#define L1TUNE_SPLIT_H

#include <linux/kvm_host.h>

#include "account.h"
#include "hook.h"

#define L1T_SPLIT_FUNCTIONS	3
extern struct l1t_functions l1t_split_functions[L1T_SPLIT_FUNCTIONS];

void l1t_split_init(bool (*unknown)(struct kvm_vcpu *vcpu));
void l1t_split_throttle(struct l1t_account *acct, bool on);

#endif
