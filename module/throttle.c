// SPDX-License-Identifier: GPL-2.0
/* Slowing an L2 that exits too often. */
#include "throttle.h"

/**
 * l1t_pace_exit() - a vCPU's lease is used up
 * @acct: of the vCPU
 * @vcpu: has just exited, runs on this CPU
 *
 * Without a limit on exits a lease has no end.
 * Context: the exit path, preemption off.
 */
void l1t_pace_exit(struct l1t_account *acct, struct kvm_vcpu *vcpu)
{
	acct->lease = L1T_LEASE_UNLIMITED;
}
