/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Slowing an L2 that exits too often. The exit path knows only this: each
 * exit that the guest causes takes a token from its account's lease, and when
 * that is used up, l1t_pace_exit() is asked.
 */
#ifndef L1TUNE_THROTTLE_H
#define L1TUNE_THROTTLE_H

#include <linux/kvm_host.h>
#include <linux/limits.h>

#include "account.h"

/* Lasts for longer than the machine. */
#define L1T_LEASE_UNLIMITED	S64_MAX

void l1t_pace_exit(struct l1t_account *acct, struct kvm_vcpu *vcpu);

#endif
