// SPDX-License-Identifier: GPL-2.0
/*
 * Outside KVM_RUN no hook sees a vCPU's thread lose its CPU or sleep. The scheduler's
 * own counters of the thread, when it leaves KVM_RUN and later, tell how long it was
 * on a CPU and how long it waited for one; the rest of the time it slept. Nor does a
 * hook see when a thread that sleeps in KVM_RUN is woken: the same counter tells how
 * long it then waited for a CPU.
 *
 *	left KVM_RUN                                          now, or back
 *	|-- on a CPU --|-- asleep --|-- run queue --|-- on a CPU --|
 *
 * sum_exec_runtime is updated at ticks and context switches only, which also set
 * exec_start to rq_clock_task(). The time since then has to be added, which needs the
 * present rq_clock_task(): local_clock() less the time that interrupts took on that
 * CPU. This lead only grows, and can be read from a thread that was just switched to:
 * last_arrival is rq_clock(), exec_start is rq_clock_task() of the same moment.
 */
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/sched/clock.h>
#include <linux/sched/task.h>

#include "away.h"
#include "clock.h"
#include "compat.h"

/* Lower bound of local_clock() - rq_clock_task(); 0 if interrupts took no time. */
#define LEAD_UNKNOWN	U64_MAX
static DEFINE_PER_CPU(u64, clock_lead_ns) = LEAD_UNKNOWN;

/**
 * l1t_away_init() - initialize, with no thread
 * @away: all zero
 */
void l1t_away_init(struct l1t_away *away)
{
	raw_spin_lock_init(&away->lock);
}

/**
 * l1t_away_exit() - drop the reference to the thread
 * @away: has no writer and no reader any more
 */
void l1t_away_exit(struct l1t_away *away)
{
	if (away->thread)
		put_task_struct(away->thread);
}

static bool is_on_cpu(const struct task_struct *t)
{
#ifdef CONFIG_SMP
	return READ_ONCE(t->on_cpu);
#else
	return t == current;
#endif
}

static void learn_clock_lead(const struct task_struct *t)
{
#ifdef CONFIG_SCHED_INFO
	u64 *place = per_cpu_ptr(&clock_lead_ns, task_cpu(t));
	u64 arrival = READ_ONCE(t->sched_info.last_arrival);
	u64 exec_start = READ_ONCE(t->se.exec_start);
	u64 known = READ_ONCE(*place);

	/* A tick since then makes the difference smaller, never larger. */
	if (exec_start && arrival >= exec_start &&
	    (known == LEAD_UNKNOWN || arrival - exec_start > known))
		WRITE_ONCE(*place, arrival - exec_start);
#endif
}

/**
 * l1t_away_note() - note the current thread's counters, valid while it keeps its CPU
 * @away: of the vCPU that the thread runs
 *
 * Context: preemption disabled. A tick may update the counters meanwhile.
 */
void l1t_away_note(struct l1t_away *away)
{
	const struct task_struct *t = current;
	struct l1t_left *left = &away->left;

	learn_clock_lead(t);
	left->arrivals = l1t_arrivals(t);
	left->cpu = smp_processor_id();
	left->nr_migrations = t->se.nr_migrations;
	left->nvcsw = t->nvcsw;
	left->run_delay_ns = l1t_run_delay_ns(t);
	do {
		left->exec_from_ns = READ_ONCE(t->se.exec_start);
		left->exec_ns = READ_ONCE(t->se.sum_exec_runtime);
	} while (left->exec_from_ns != READ_ONCE(t->se.exec_start));
	/* If the lead is not known, exec_* are good until the next tick only. */
	left->noted = left->arrivals;
	if (READ_ONCE(per_cpu(clock_lead_ns, left->cpu)) == LEAD_UNKNOWN)
		left->noted--;
}

/**
 * l1t_away_take() - the current thread runs the vCPU from now on
 * @away: of the vCPU; no other thread can be in KVM_RUN with it
 *
 * Context: preemption disabled.
 */
void l1t_away_take(struct l1t_away *away)
{
	struct task_struct *before = away->thread;

	if (before == current)
		return;
	get_task_struct(current);
	raw_spin_lock(&away->lock);
	WRITE_ONCE(away->thread, current);
	raw_spin_unlock(&away->lock);
	l1t_away_note(away);
	if (before)
		put_task_struct(before);
}

/* The run time at @now_ns, by local_clock(), of a thread that was on @cpu then. */
static u64 exec_until(u64 exec_ns, u64 exec_from_ns, unsigned int cpu, u64 now_ns)
{
	u64 lead = READ_ONCE(per_cpu(clock_lead_ns, cpu));

	/* With the lead unknown it is at most a tick too small. */
	if (lead == LEAD_UNKNOWN || now_ns < lead + exec_from_ns)
		return exec_ns;
	return exec_ns + now_ns - lead - exec_from_ns;
}

/* How long a thread that is runnable without a CPU has waited for one. */
static u64 waiting_ns(const struct task_struct *t, u64 now_ns)
{
#ifdef CONFIG_SCHED_INFO
	u64 queued = READ_ONCE(t->sched_info.last_queued);

	if (queued && queued < now_ns)
		return now_ns - queued;
#endif
	return 0;
}

/**
 * l1t_away_look() - read the thread's counters as of now
 * @away: of the vCPU
 * @stay: filled in
 *
 * Context: any but an interrupt.
 */
void l1t_away_look(struct l1t_away *away, struct l1t_stay *stay)
{
	const struct task_struct *t;

	memset(stay, 0, sizeof(*stay));
	raw_spin_lock(&away->lock);
	t = away->thread;
	if (!t)
		goto out;
	stay->now_ns = local_clock();
	stay->is_running = l1t_task_is_running(t);
	stay->nvcsw = READ_ONCE(t->nvcsw);
	stay->run_delay_ns = l1t_run_delay_ns(t);
	stay->exec_ns = READ_ONCE(t->se.sum_exec_runtime);
	if (is_on_cpu(t)) {
		/* Also if it is about to sleep. */
		stay->is_running = true;
		learn_clock_lead(t);
		stay->exec_ns = exec_until(stay->exec_ns,
					   READ_ONCE(t->se.exec_start),
					   task_cpu(t), stay->now_ns);
	} else if (stay->is_running) {
		stay->run_delay_ns += waiting_ns(t, stay->now_ns);
	}
out:
	raw_spin_unlock(&away->lock);
}

/* The time in the run queue and asleep, of the @span_ns before the counters of @stay were read. */
static void divide(const struct l1t_left *left, const struct l1t_stay *stay,
		   u64 span_ns, u64 *runq_ns, u64 *sleep_ns)
{
	u64 before_ns, exec_ns;

	*runq_ns = min(stay->run_delay_ns - left->run_delay_ns, span_ns);
	*sleep_ns = 0;
	if (stay->is_running && stay->nvcsw == left->nvcsw)
		return;
	before_ns = exec_until(left->exec_ns, left->exec_from_ns, left->cpu,
			       stay->now_ns - span_ns);
	exec_ns = stay->exec_ns - min(stay->exec_ns, before_ns);
	*sleep_ns = span_ns - *runq_ns;
	*sleep_ns -= min(*sleep_ns, exec_ns);
}

/*
 * No part becomes smaller than what a reader was shown: the difference is taken from parts
 * that are larger. That suffices, because the sum of the parts is at least what was shown.
 */
static void keep_shown(const struct l1t_shown *shown, u64 *parts)
{
	u64 lacks = 0, gives;
	unsigned int i;

	for (i = 0; i < L1T_PARTS; i++) {
		if (parts[i] >= shown->parts_ticks[i])
			continue;
		lacks += shown->parts_ticks[i] - parts[i];
		parts[i] = shown->parts_ticks[i];
	}
	for (i = 0; i < L1T_PARTS && lacks; i++) {
		gives = min(lacks, parts[i] - shown->parts_ticks[i]);
		parts[i] -= gives;
		lacks -= gives;
	}
}

/* Divide the time from @shown->since_ticks to @now_ticks, and record the result in @shown. */
static void divide_on(struct l1t_shown *shown, enum l1t_part part,
		      const struct l1t_left *left, const struct l1t_stay *stay,
		      u64 now_ticks)
{
	u64 span = l1t_ticks_since(shown->since_ticks, now_ticks), runq_ns, sleep_ns;
	u64 parts[L1T_PARTS] = {};

	divide(left, stay, l1t_ticks_to_ns(span), &runq_ns, &sleep_ns);
	parts[L1T_PART_RUNQ] = min(l1t_ns_to_ticks(runq_ns), span);
	if (part == L1T_PART_VMM)
		parts[L1T_PART_VMM_SLEEP] = min(l1t_ns_to_ticks(sleep_ns),
						span - parts[L1T_PART_RUNQ]);
	parts[part] = span - parts[L1T_PART_RUNQ] - parts[L1T_PART_VMM_SLEEP];
	keep_shown(shown, parts);
	memcpy(shown->parts_ticks, parts, sizeof(parts));
	shown->now_ticks = now_ticks;
}

/**
 * l1t_away_show() - have the writer honour what is about to be shown of a part
 * @away: of the vCPU
 * @since_ticks: when the part began
 *
 * The caller then waits until a writer that did not notice is visible, and looks if there
 * is one: see let_writers_show(). Context: any but an interrupt; @away->lock held, and the
 * part has not ended for readers.
 */
void l1t_away_show(struct l1t_away *away, u64 since_ticks)
{
	if (away->shown.since_ticks == since_ticks)
		return;
	memset(away->shown.parts_ticks, 0, sizeof(away->shown.parts_ticks));
	away->shown.now_ticks = 0;
	WRITE_ONCE(away->shown.since_ticks, since_ticks);
	smp_mb(); /* before the caller waits: pairs with l1t_away_was_shown() */
}

/**
 * l1t_away_divide() - divide a part, see l1t_part_is_divided()
 * @away: of the vCPU
 * @part: which
 * @left: the thread's counters when it began
 * @stay: its counters now
 * @since_ticks: when it began
 * @now_ticks: now
 * @parts_ticks: by part; @part, RUNQ and VMM_SLEEP are added to
 *
 * A reader may be preempted after it read the clock. If another reader has shown more
 * by now, that is shown again.
 *
 * Context: any but an interrupt; @away->lock held.
 * Return: until when the time is divided: @now_ticks or later.
 */
u64 l1t_away_divide(struct l1t_away *away, enum l1t_part part, const struct l1t_left *left,
		    const struct l1t_stay *stay, u64 since_ticks, u64 now_ticks,
		    u64 *parts_ticks)
{
	struct l1t_shown *shown = &away->shown;
	unsigned int i;

	l1t_away_show(away, since_ticks);
	if (now_ticks > shown->now_ticks)
		divide_on(shown, part, left, stay, now_ticks);
	for (i = 0; i < L1T_PARTS; i++)
		parts_ticks[i] += shown->parts_ticks[i];
	return shown->now_ticks;
}

/**
 * l1t_away_tid() - thread id of a vCPU's thread, in the initial PID namespace
 * @away: of the vCPU
 *
 * Return: the id, 0 if no thread has run the vCPU yet.
 */
pid_t l1t_away_tid(struct l1t_away *away)
{
	pid_t tid;

	raw_spin_lock(&away->lock);
	tid = away->thread ? task_pid_nr(away->thread) : 0;
	raw_spin_unlock(&away->lock);
	return tid;
}

/**
 * l1t_away_does() - what a thread does that has left KVM_RUN, or sleeps in it
 * @away: of its vCPU
 * @waits_ns: if it waits for a CPU, for how long; 0: not known
 */
enum l1t_doing l1t_away_does(struct l1t_away *away, u64 *waits_ns)
{
	enum l1t_doing doing = L1T_DOING_RUNS;
	const struct task_struct *t;

	*waits_ns = 0;
	raw_spin_lock(&away->lock);
	t = away->thread;
	if (t && !l1t_task_is_running(t)) {
		doing = L1T_DOING_SLEEPS;
	} else if (t && !is_on_cpu(t)) {
		doing = L1T_DOING_WAITS;
		*waits_ns = waiting_ns(t, local_clock());
	}
	raw_spin_unlock(&away->lock);
	return doing;
}
