/* SPDX-License-Identifier: GPL-2.0 */
/* The last exits of a vCPU that took longer than a threshold. */
#ifndef L1TUNE_SLOW_H
#define L1TUNE_SLOW_H

#include <linux/types.h>

#include "part.h"
#include "ran.h"
#include "steal.h"

/*
 * Longer exits leave the usual path in any case, so thresholds from here on cost the
 * others nothing.
 */
#define L1T_SLOW_LEAST_NS	L1T_STEAL_SLOW_NS
#define L1T_SLOW_OFF		U64_MAX

/*
 * Only stretches of a part that are longer than this are recorded for the exit;
 * shorter ones are only in the sums of its reason.
 */
#define L1T_SLOW_STRETCH_NS	(20 * 1000)

/* Records per vCPU. All but the first are allocated once there is one: 4 KB. */
#define L1T_SLOW_KEPT		21
#define L1T_SLOW_MORE		(L1T_SLOW_KEPT - 1)

/* Exits recorded before each slow one. */
#define L1T_SLOW_BEFORE		8

/**
 * struct l1t_slow_before - an exit that preceded a slow one
 * @ns: how long it took, at most U32_MAX
 * @key: level and slot, see l1t_key()
 * @known: there was such an exit
 */
struct l1t_slow_before {
	u32 ns;
	u16 key;
	bool known;
};

/**
 * struct l1t_slow_exit - a slow exit
 * @number: the vCPU's slow exits are numbered from 1; 0 while it is written
 * @end_ticks: when the guest was entered again
 * @ticks: how long it took
 * @parts_ticks: of @ticks, stretches of more than L1T_SLOW_STRETCH_NS
 * @stolen_ns: of @ticks, what L0 is known to have stolen
 * @key: level and slot, see l1t_key()
 * @tid: the vCPU's thread
 * @ran: who had the CPU during the longest wait for it
 * @before: the exits before it, latest first
 */
struct l1t_slow_exit {
	u64 number;
	u64 end_ticks;
	u64 ticks;
	u64 parts_ticks[L1T_PARTS];
	u64 stolen_ns;
	u32 key;
	pid_t tid;
	struct l1t_ran ran;
	struct l1t_slow_before before[L1T_SLOW_BEFORE];
};

/**
 * struct l1t_slow - a vCPU's slow exits
 * @first_of_ticks: start of the exit that the next three belong to
 * @first_ticks: its first stretch
 * @first_runq_ticks: the wait for a CPU at the end of that stretch
 * @first_part: the part of that stretch
 * @of_ticks: start of the exit that @open belongs to
 * @open: what is known so far of an exit that may become slow
 * @wait_ticks: its longest wait for a CPU
 * @out_cpu: the CPU that the vCPU's thread last lost in KVM_RUN
 * @total: number of slow exits
 * @first: where the first is recorded; each, while there is no @more
 * @more: where further ones are recorded; NULL: no memory yet
 *
 * Most exits with a stretch have only one and are not slow: only the first four
 * members are written for them. Written by the vCPU's thread with preemption
 * disabled. Readers run anywhere, and read only @total, @first and @more.
 */
struct l1t_slow {
	u64 first_of_ticks;
	u64 first_ticks;
	u64 first_runq_ticks;
	u8 first_part;
	u64 of_ticks;
	struct l1t_slow_exit open;
	u64 wait_ticks;
	unsigned int out_cpu;
	u64 total;
	struct l1t_slow_exit first;
	struct l1t_slow_exit *more;
};

/* U64_MAX while no threshold is set; then nothing is recorded. */
extern u64 l1t_slow_ticks;
extern u64 l1t_slow_stretch_ticks;

/* For whose wait for a CPU it is looked up who had the CPU. */
static __always_inline u64 l1t_slow_least_wait(void)
{
	return l1t_slow_ticks / 4;
}

/* There has been a slow exit, and there is memory for one only. */
static inline bool l1t_slow_lacks_memory(const struct l1t_slow *slow)
{
	return READ_ONCE(slow->total) && !READ_ONCE(slow->more);
}

void l1t_slow_alloc(struct l1t_slow *slow);
void l1t_slow_free(struct l1t_slow *slow);
void l1t_slow_set(u64 over_ns);
u64 l1t_slow_count(void);

void l1t_slow_add_part(struct l1t_slow *slow, u64 exit_ticks, enum l1t_part part,
		       u64 ticks);
void l1t_slow_add_wait(struct l1t_slow *slow, u64 exit_ticks, int cpu, u64 from, u64 to,
		       u64 ticks);
void l1t_slow_add_stolen(struct l1t_slow *slow, u64 exit_ticks, u64 ns);
bool l1t_slow_is(struct l1t_slow *slow, u64 exit_ticks, u64 ticks);
void l1t_slow_end(struct l1t_slow *slow, u64 exit_ticks, u64 now, u32 key,
		  const struct l1t_slow_before *before);

/*
 * A long stretch of a part of an open exit ends, after it a wait for a CPU, or both; one
 * of them may be short. Returns false, with nothing changed, if there is more to do: it is
 * not the exit's first, or who had the CPU is to be looked up, or @ticks is negative because
 * the CPUs' clocks differ. Context: preemption disabled.
 */
static __always_inline bool l1t_slow_add_first(struct l1t_slow *slow, u64 exit_ticks,
					       enum l1t_part part, u64 ticks, u64 runq_ticks)
{
	if (unlikely(slow->first_of_ticks == exit_ticks || (s64)ticks < 0 ||
		     (part == L1T_PART_RUNQ && ticks > l1t_slow_stretch_ticks) ||
		     runq_ticks >= l1t_slow_least_wait()))
		return false;
	slow->first_of_ticks = exit_ticks;
	slow->first_ticks = ticks;
	slow->first_runq_ticks = runq_ticks;
	slow->first_part = part;
	return true;
}

unsigned int l1t_slow_nr(const struct l1t_slow *slow);
bool l1t_slow_read(struct l1t_slow *slow, unsigned int n,
		   struct l1t_slow_exit *e);

#endif
