/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Time on the exit path. RDTSC is the cheapest timestamp, and the only one that
 * touches no memory; one multiplication converts it to nanoseconds. Where the kernel
 * does not trust the TSC, local_clock() replaces it and a tick is a nanosecond.
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

/* The inverse; not for the exit path. */
static inline u64 l1t_ns_to_ticks(u64 ns)
{
	return mul_u64_u64_div_u64(ns, 1ULL << L1T_TICK_SHIFT, l1t_tick_mult);
}

/* The most ticks that are less than @ns, which is at most U32_MAX. */
static inline u64 l1t_ticks_below(u64 ns)
{
	return div64_u64((ns << L1T_TICK_SHIFT) - 1, l1t_tick_mult);
}

/*
 * Ticks from @then to @now. Exit and entry may be on different CPUs, whose counters
 * differ slightly; a negative result becomes 0.
 */
static __always_inline u64 l1t_ticks_since(u64 then, u64 now)
{
	return likely(now >= then) ? now - then : 0;
}

#endif
