/* SPDX-License-Identifier: GPL-2.0 */
/* The steal clock: how long L0 has kept a CPU of this machine from running. */
#ifndef L1TUNE_STEAL_H
#define L1TUNE_STEAL_H

#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/types.h>

/*
 * L0 takes a CPU for longer than this, nearly always; the clock is read at the
 * end of exits that took longer. It costs others nothing.
 */
#define L1T_STEAL_SLOW_NS	(100 * 1000)

enum l1t_steal_state {
	L1T_STEAL_OK,
	L1T_STEAL_BARE_METAL,	/* there is no L0 */
	L1T_STEAL_NOT_OFFERED,	/* L0 has none */
	L1T_STEAL_NOT_ENABLED,	/* this kernel does not use it on some CPU */
	L1T_STEAL_NO_HOOKS,	/* it is not known where vCPUs' threads are */
};

/**
 * struct l1t_stolen - what L0 took from a vCPU's thread while that had a CPU
 * @total_ns: up to when the clock was last read
 * @mark_ns: what it showed, on @cpu
 * @mark_ticks: when that was, or later if it still showed that
 * @cpu: where the thread is; -1: nowhere, or that is not known. Outside KVM_RUN
 *	nothing tells that it leaves that CPU
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

/* Of this CPU, in nanoseconds. Context: preemption off. */
static __always_inline u64 l1t_steal_clock_ns(void)
{
	return READ_ONCE(*this_cpu_read(l1t_steal_clock));
}

/*
 * The thread was on this CPU all the time: has L0 taken nothing since the clock was
 * last read? If so, that is noted. Context: likewise.
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
 * The thread has come to this CPU, or may have been elsewhere meanwhile.
 * Context: preemption off.
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
