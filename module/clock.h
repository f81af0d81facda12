/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Time on the exit path. One RDTSC is the cheapest timestamp there is and
 * the only one that takes no memory; it is turned into nanoseconds with one
 * multiplication. Where the kernel does not trust the TSC, local_clock()
 * takes its place and a tick is a nanosecond.
 */
#ifndef L1TUNE_CLOCK_H
#define L1TUNE_CLOCK_H

#include <linux/jump_label.h>
#include <linux/math64.h>
#include <linux/sched/clock.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#define L1T_TICK_SHIFT	32

DECLARE_STATIC_KEY_FALSE(l1t_tsc_unusable);
extern u64 l1t_tick_mult;

void l1t_clock_init(void);

static __always_inline bool l1t_clock_is_tsc(void)
{
	return !static_branch_unlikely(&l1t_tsc_unusable);
}

static __always_inline u64 l1t_ticks(void)
{
	return l1t_clock_is_tsc() ? rdtsc() : local_clock();
}

/* mul_u64_u64_shr() keeps 128 bits: a vCPU may stay halted for days. */
static __always_inline u64 l1t_ticks_to_ns(u64 ticks)
{
	return mul_u64_u64_shr(ticks, l1t_tick_mult, L1T_TICK_SHIFT);
}

/* The counterpart, not for the exit path. */
static inline u64 l1t_ns_to_ticks(u64 ns)
{
	return mul_u64_u64_div_u64(ns, 1ULL << L1T_TICK_SHIFT, l1t_tick_mult);
}

/* The most ticks that are less than so many nanoseconds; at most 2^32 of them. */
static inline u64 l1t_ticks_below(u64 ns)
{
	return div64_u64((ns << L1T_TICK_SHIFT) - 1, l1t_tick_mult);
}

/*
 * Ticks from @then to @now. Exit and entry may be on different CPUs, whose
 * counters differ by a little; what comes out negative is nothing.
 */
static __always_inline u64 l1t_ticks_since(u64 then, u64 now)
{
	return likely(now >= then) ? now - then : 0;
}

#endif
