/* SPDX-License-Identifier: GPL-2.0 */
/* The open exit's time by part, and how much of it L0 stole. */
#ifndef L1TUNE_EXIT_PART_H
#define L1TUNE_EXIT_PART_H

#include "account.h"
#include "clock.h"

/*
 * The part has ended and KVM runs again. Context: between l1t_account_write_*().
 * @is_tsc: the clock is known to be the TSC, so it is not checked
 */
static __always_inline void l1t_exit_back_in_kernel(struct l1t_account *acct,
						    u64 now, bool is_tsc)
{
	acct->split.kernel_since_ticks = now;
	acct->split.part = L1T_PART_KERNEL;
	if (is_tsc || l1t_clock_is_tsc())
		acct->state &= ~(unsigned long)L1T_AT_RARE;
}

void l1t_exit_end_part(struct l1t_account *acct, u64 now);
void l1t_exit_count_stolen(struct l1t_account *acct, u64 others_ns);

/*
 * The vCPU's thread has been on this CPU since the steal clock was last read: what
 * L0 stole since is the vCPU's. Context: between l1t_account_write_*().
 */
static __always_inline void l1t_exit_take_stolen(struct l1t_account *acct,
						 u64 now)
{
	if (!l1t_steal_is_followed())
		return;
	if (unlikely(l1t_steal_clock_ns() != acct->stolen.mark_ns))
		l1t_exit_count_stolen(acct, 0);
	acct->stolen.mark_ticks = now;
}

#endif
