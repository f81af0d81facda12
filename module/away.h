/* SPDX-License-Identifier: GPL-2.0 */
/* What a vCPU's thread does outside KVM_RUN. */
#ifndef L1TUNE_AWAY_H
#define L1TUNE_AWAY_H

#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "part.h"

/**
 * struct l1t_left - a thread's own counts when it left KVM_RUN
 * @arrivals: how often it had come to a CPU
 * @noted: the same; something else if the rest is to be noted again
 * @cpu: where that was
 * @nr_migrations: how often it had moved to another CPU
 * @nvcsw: how often it had slept
 * @run_delay_ns: how long it had waited for a CPU
 * @exec_ns: how long it had been on a CPU, up to @exec_from_ns
 * @exec_from_ns: when that was last brought up to date, in rq_clock_task()
 *
 * None of them changes while the thread stays on its CPU, but for the last two,
 * from which what they will be is computed. So they are noted once for each stay.
 */
struct l1t_left {
	unsigned long arrivals;
	unsigned long noted;
	unsigned int cpu;
	u64 nr_migrations;
	unsigned long nvcsw;
	u64 run_delay_ns;
	u64 exec_ns;
	u64 exec_from_ns;
};

/**
 * struct l1t_stay - a thread's own counts since, as somebody looks
 * @is_running: runs or could, so has slept only if @nvcsw says so
 * @nvcsw: how often it has slept
 * @run_delay_ns: how long it has waited for a CPU
 * @exec_ns: how long it has been on a CPU
 * @now_ns: when that was, by local_clock()
 */
struct l1t_stay {
	bool is_running;
	unsigned long nvcsw;
	u64 run_delay_ns;
	u64 exec_ns;
	u64 now_ns;
};

/**
 * struct l1t_shown - how a time outside KVM_RUN was divided when it was last read
 * @since_ticks: when it began
 * @parts_ticks: by part
 */
struct l1t_shown {
	u64 since_ticks;
	u64 parts_ticks[L1T_PARTS];
};

/**
 * struct l1t_away - the thread that runs a vCPU, and when it was last away
 * @left: as it left, or will; written by the thread itself
 * @thread: the last to enter KVM_RUN with the vCPU, with a reference; NULL for
 *	none yet; changes under @lock
 * @lock: protects @thread and @shown from readers
 * @shown: so that no reader sees a part grow smaller
 */
struct l1t_away {
	struct l1t_left left;
	struct task_struct *thread;
	raw_spinlock_t lock;
	struct l1t_shown shown;
};

static __always_inline u64 l1t_run_delay_ns(const struct task_struct *t)
{
#ifdef CONFIG_SCHED_INFO
	return READ_ONCE(t->sched_info.run_delay);
#else
	return 0;
#endif
}

/* How often a thread has come to a CPU. */
static __always_inline unsigned long l1t_arrivals(const struct task_struct *t)
{
#ifdef CONFIG_SCHED_INFO
	return t->sched_info.pcount;
#else
	return t->nvcsw + t->nivcsw;
#endif
}

/* The current thread is @away's and leaves KVM_RUN: has it been noted as it is? */
static __always_inline bool l1t_away_is_noted(const struct l1t_away *away)
{
	return away->left.noted == l1t_arrivals(current);
}

/* Has the current thread been on a CPU ever since it left? */
static __always_inline bool l1t_away_was_on_cpu(const struct l1t_away *away)
{
	const struct task_struct *t = current;

	return likely(away->thread == t) &&
	       likely(away->left.arrivals == l1t_arrivals(t));
}

#define L1T_AWAY_UNKNOWN	U64_MAX

/*
 * How long the current thread has been without the CPU on which it left, or
 * L1T_AWAY_UNKNOWN if it has slept or has been on another one.
 */
static __always_inline u64 l1t_away_off_cpu_ns(const struct l1t_away *away)
{
	const struct task_struct *t = current;

	if (away->thread != t || away->left.nvcsw != t->nvcsw ||
	    away->left.nr_migrations != t->se.nr_migrations)
		return L1T_AWAY_UNKNOWN;
	return l1t_run_delay_ns(t) - away->left.run_delay_ns;
}

void l1t_away_init(struct l1t_away *away);
void l1t_away_exit(struct l1t_away *away);
void l1t_away_take(struct l1t_away *away);
void l1t_away_note(struct l1t_away *away);
pid_t l1t_away_tid(struct l1t_away *away);
bool l1t_away_is_asleep(struct l1t_away *away);
void l1t_away_look(struct l1t_away *away, struct l1t_stay *stay);
void l1t_away_divide(struct l1t_away *away, const struct l1t_left *left,
		     const struct l1t_stay *stay, u64 since_ticks, u64 now_ticks,
		     u64 *parts_ticks);

#endif
