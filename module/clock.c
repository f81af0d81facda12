// SPDX-License-Identifier: GPL-2.0
#include <linux/time64.h>

#include "clock.h"

DEFINE_STATIC_KEY_FALSE(l1t_tsc_unusable);

/* Nanoseconds per tick, times 2^L1T_TICK_SHIFT. */
u64 l1t_tick_mult __read_mostly = 1ULL << L1T_TICK_SHIFT;

/**
 * l1t_clock_init() - choose the clock of the exit path
 *
 * Called once, before any probe runs. If the TSC is found unstable later, times are
 * as wrong as the TSC is, and counts stay right.
 */
void l1t_clock_init(void)
{
	if (!tsc_khz || check_tsc_unstable()) {
		static_branch_enable(&l1t_tsc_unusable);
		return;
	}
	l1t_tick_mult = div_u64((u64)NSEC_PER_MSEC << L1T_TICK_SHIFT, tsc_khz);
}
