/* SPDX-License-Identifier: GPL-2.0 */
/* What a vCPU's thread does where no hook sees it: outside KVM_RUN, and asleep in it. */
#ifndef L1TUNE_AWAY_H
#define L1TUNE_AWAY_H

#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "part.h"

/**
 * struct l1t_left - a thread's counters when it left KVM_RUN
 * @arrivals: how often it had been switched to
 * @noted: @arrivals as of when the members below were noted; any other value if
 *	they must be noted again
 * @cpu: its CPU
 * @nr_migrations: how often it had moved to another CPU; likewise
 * @nvcsw: how often it had slept
 * @run_delay_ns: how long it had waited for a CPU; also noted when it falls asleep in
 *	KVM_RUN
 * @exec_ns: how long it had been on a CPU, up to @exec_from_ns
 * @exec_from_ns: when @exec_ns was last updated, by rq_clock_task()
 *
 * While the thread keeps its CPU only the last two change, and their later values can
 * be computed. So the counters are noted once each time the thread gets a CPU.
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
 * struct l1t_stay - a thread's counters when they are looked at
 * @is_running: it runs or is runnable, so it has slept only if @nvcsw says so
 * @nvcsw: how often it has slept
 * @run_delay_ns: how long it has waited for a CPU
 * @exec_ns: how long it has been on a CPU
 * @now_ns: when they were read, by local_clock()
 */
struct l1t_stay {
	bool is_running;
	unsigned long nvcsw;
	u64 run_delay_ns;
	u64 exec_ns;
	u64 now_ns;
};

/**
 * struct l1t_shown - how the current part was last divided for a reader
 * @since_ticks: when the part began
 * @now_ticks: up to when it was divided
 * @parts_ticks: by part
 */
struct l1t_shown {
	u64 since_ticks;
	u64 now_ticks;
	u64 parts_ticks[L1T_PARTS];
};

/**
 * struct l1t_away - the thread that runs a vCPU, and the last part that is divided
 * @left: its counters when it left KVM_RUN, or will leave; written by the thread itself
 * @thread: the last to enter KVM_RUN with the vCPU; holds a reference; NULL: none
 *	yet; changed under @lock
 * @lock: protects @thread and @shown from readers
 * @shown: so that no reader sees a part become smaller
 */
struct l1t_away {
	struct l1t_left left;
	struct task_struct *thread;
	raw_spinlock_t lock;
	struct l1t_shown shown;
};

/* What a thread does that has left KVM_RUN, or sleeps in it. */
enum l1t_doing {
	L1T_DOING_RUNS,
	L1T_DOING_WAITS,	/* for a CPU */
	L1T_DOING_SLEEPS
};

static __always_inline u64 l1t_run_delay_ns(const struct task_struct *t)
{
#ifdef CONFIG_SCHED_INFO
	return READ_ONCE(t->sched_info.run_delay);
#else
	return 0;
#endif
}

/*
 * How often a thread has been switched to. sched_info.pcount does not count that if the
 * thread was preempted just before it would have slept.
 */
static __always_inline unsigned long l1t_arrivals(const struct task_struct *t)
{
	return t->nvcsw + t->nivcsw;
}

/* The current thread is @away's and leaves KVM_RUN: are its noted counters valid? */
static __always_inline bool l1t_away_is_noted(const struct l1t_away *away)
{
	return away->left.noted == l1t_arrivals(current);
}

/* Has the current thread kept its CPU since it left? */
static __always_inline bool l1t_away_was_on_cpu(const struct l1t_away *away)
{
	const struct task_struct *t = current;

	return likely(away->thread == t) &&
	       likely(away->left.arrivals == l1t_arrivals(t));
}

/* The current thread falls asleep in KVM_RUN. Between l1t_account_write_*(). */
static __always_inline void l1t_away_note_sleep(struct l1t_away *away)
{
	const struct task_struct *t = current;

	away->left.run_delay_ns = l1t_run_delay_ns(t);
	away->left.nr_migrations = t->se.nr_migrations;
}

/* How long the current thread has waited for a CPU since it fell asleep. */
static __always_inline u64 l1t_away_waited_ns(const struct l1t_away *away)
{
	return l1t_run_delay_ns(current) - away->left.run_delay_ns;
}

/*
 * Has a reader divided the part that began then? Between l1t_account_write_*(), which
 * readers notice: pairs with l1t_away_show().
 */
static __always_inline bool l1t_away_was_shown(const struct l1t_away *away, u64 since_ticks)
{
	return READ_ONCE(away->shown.since_ticks) == since_ticks;
}

#define L1T_AWAY_UNKNOWN	U64_MAX

/*
 * How long the current thread waited for the CPU on which it left, or
 * L1T_AWAY_UNKNOWN if it has slept or moved to another CPU.
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
enum l1t_doing l1t_away_does(struct l1t_away *away, u64 *waits_ns);
void l1t_away_look(struct l1t_away *away, struct l1t_stay *stay);
void l1t_away_show(struct l1t_away *away, u64 since_ticks);
u64 l1t_away_divide(struct l1t_away *away, enum l1t_part part, const struct l1t_left *left,
		    const struct l1t_stay *stay, u64 since_ticks, u64 now_ticks,
		    u64 *parts_ticks);

#endif
