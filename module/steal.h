/* SPDX-License-Identifier: GPL-2.0 */
/* The steal clock: how long L0 has kept a CPU of this machine from running. */
#ifndef L1TUNE_STEAL_H
#define L1TUNE_STEAL_H

#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/types.h>

/*
 * L0 nearly always takes a CPU for longer than this; the clock is read at the end of
 * exits that took longer. It costs other exits nothing.
 */
#define L1T_STEAL_SLOW_NS	(100 * 1000)

enum l1t_steal_state {
	L1T_STEAL_OK,
	L1T_STEAL_BARE_METAL,	/* there is no L0 */
	L1T_STEAL_NOT_OFFERED,	/* L0 does not have it */
	L1T_STEAL_NOT_ENABLED,	/* this kernel does not use it on some CPU */
	L1T_STEAL_NO_HOOKS,	/* it is not known where vCPUs' threads run */
};

/**
 * struct l1t_stolen - what L0 stole from a vCPU's thread while it had a CPU
 * @total_ns: as of when the clock was last read
 * @mark_ns: the clock of @cpu when it was last read
 * @mark_ticks: when it was read, or any later time at which it was unchanged
 * @cpu: where the thread is; -1: not on a CPU, or not known. Outside KVM_RUN it stays
 *	set when the thread leaves the CPU
 */
struct l1t_stolen {
	u64 total_ns;
	u64 mark_ns;
	u64 mark_ticks;
	int cpu;
};

/* Never NULL. */
DECLARE_PER_CPU(const u64 *, l1t_steal_clock);
DECLARE_STATIC_KEY_FALSE(l1t_steal_followed);

static __always_inline bool l1t_steal_is_followed(void)
{
	return static_branch_unlikely(&l1t_steal_followed);
}

/* This CPU's clock, in nanoseconds. Context: preemption disabled. */
static __always_inline u64 l1t_steal_clock_ns(void)
{
	return READ_ONCE(*this_cpu_read(l1t_steal_clock));
}

/*
 * Has L0 stolen nothing since the clock was last read? If so, @mark_ticks advances.
 * Context: preemption disabled; the thread has been on this CPU all the time.
 */
static __always_inline bool l1t_steal_is_none(struct l1t_stolen *stolen, u64 now)
{
	if (!l1t_steal_is_followed())
		return true;
	if (unlikely(l1t_steal_clock_ns() != stolen->mark_ns))
		return false;
	stolen->mark_ticks = now;
	return true;
}

/* The thread leaves its CPU. */
static __always_inline void l1t_steal_end(struct l1t_stolen *stolen)
{
	if (l1t_steal_is_followed())
		stolen->cpu = -1;
}

/*
 * The thread has come to this CPU, or may have left it and come back meanwhile.
 * Context: preemption disabled.
 */
static __always_inline void l1t_steal_begin(struct l1t_stolen *stolen, u64 now)
{
	if (!l1t_steal_is_followed())
		return;
	stolen->cpu = smp_processor_id();
	stolen->mark_ns = l1t_steal_clock_ns();
	stolen->mark_ticks = now;
}

u64 l1t_steal_take(struct l1t_stolen *stolen, u64 others_ns);
u64 l1t_stolen_ns(const struct l1t_stolen *stolen, bool in_run);
enum l1t_steal_state l1t_steal_state(void);
void l1t_steal_init(void);
void l1t_steal_exit(void);

#endif
