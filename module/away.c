// SPDX-License-Identifier: GPL-2.0
/*
 * Outside KVM_RUN no hook sees a vCPU's thread lose its CPU or sleep. The
 * scheduler's own counts of the thread, as it leaves and later, tell how long it
 * was on a CPU and how long it waited for one; it slept for the rest.
 *
 *	left KVM_RUN                                          now, or back
 *	|-- on a CPU --|-- asleep --|-- run queue --|-- on a CPU --|
 *
 * sum_exec_runtime is brought up to date at ticks and switches only, when
 * exec_start becomes that moment's rq_clock_task(). So what has passed since is
 * to be added, which takes that clock's present value: local_clock() less what
 * interrupts took of that CPU. The difference of the two only grows, and shows
 * in a thread that has just been switched to: last_arrival is rq_clock(),
 * exec_start rq_clock_task() of the same moment.
 */
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/sched/clock.h>
#include <linux/sched/task.h>

#include "away.h"
#include "clock.h"
#include "compat.h"

/* local_clock() less rq_clock_task(), at least; 0 where interrupts took nothing. */
#define LEAD_UNKNOWN	U64_MAX
static DEFINE_PER_CPU(u64, clock_lead_ns) = LEAD_UNKNOWN;

/**
 * l1t_away_init() - no thread yet
 * @away: all zero
 */
void l1t_away_init(struct l1t_away *away)
{
	raw_spin_lock_init(&away->lock);
}

/**
 * l1t_away_exit() - let go of the thread
 * @away: without a writer or reader left
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

	/* Smaller if a tick has come since; no larger than it is. */
	if (exec_start && arrival >= exec_start &&
	    (known == LEAD_UNKNOWN || arrival - exec_start > known))
		WRITE_ONCE(*place, arrival - exec_start);
#endif
}

/**
 * l1t_away_note() - what the thread's counts are for as long as it has its CPU
 * @away: of the vCPU that the current thread runs
 *
 * Context: preemption off, and interrupts on: a tick may come in between.
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
	/* Unless the clock's lead is known these two are good for a tick only. */
	left->noted = left->arrivals;
	if (READ_ONCE(per_cpu(clock_lead_ns, left->cpu)) == LEAD_UNKNOWN)
		left->noted--;
}

/**
 * l1t_away_take() - the current thread runs the vCPU from now on
 * @away: of the vCPU, which no other thread can be in KVM_RUN with
 *
 * Context: preemption off.
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

/* Up to @now_ns, by local_clock(), of a thread that was on @cpu then. */
static u64 exec_until(u64 exec_ns, u64 exec_from_ns, unsigned int cpu, u64 now_ns)
{
	u64 lead = READ_ONCE(per_cpu(clock_lead_ns, cpu));

	/* Without it there is no telling, for at most a tick. */
	if (lead == LEAD_UNKNOWN || now_ns < lead + exec_from_ns)
		return exec_ns;
	return exec_ns + now_ns - lead - exec_from_ns;
}

/* Of a thread that waits for a CPU now, how long it has. */
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
 * l1t_away_look() - what the thread has done up to now
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

/* Of @span_ns, which ended at @stay: in its run queue, and asleep. */
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

/* No part is less than it was shown to be: what the others got more gives. */
static void keep_shown(struct l1t_shown *shown, u64 since_ticks, u64 *parts)
{
	static const enum l1t_part three[] = {
		L1T_PART_VMM, L1T_PART_RUNQ, L1T_PART_VMM_SLEEP
	};
	u64 lacks = 0, gives;
	unsigned int i;

	if (shown->since_ticks != since_ticks)
		memset(shown, 0, sizeof(*shown));
	shown->since_ticks = since_ticks;
	for (i = 0; i < ARRAY_SIZE(three); i++) {
		if (parts[three[i]] >= shown->parts_ticks[three[i]])
			continue;
		lacks += shown->parts_ticks[three[i]] - parts[three[i]];
		parts[three[i]] = shown->parts_ticks[three[i]];
	}
	for (i = 0; i < ARRAY_SIZE(three) && lacks; i++) {
		gives = min(lacks, parts[three[i]] - shown->parts_ticks[three[i]]);
		parts[three[i]] -= gives;
		lacks -= gives;
	}
	for (i = 0; i < ARRAY_SIZE(three); i++)
		shown->parts_ticks[three[i]] = parts[three[i]];
}

/**
 * l1t_away_divide() - whose the time outside KVM_RUN is
 * @away: of the vCPU
 * @left: what the thread's counts were when it left
 * @stay: what they are now
 * @since_ticks: when it left
 * @now_ticks: now
 * @parts_ticks: by part; VMM, VMM_SLEEP and RUNQ of it are added to
 *
 * Context: any but an interrupt; under @away->lock.
 */
void l1t_away_divide(struct l1t_away *away, const struct l1t_left *left,
		     const struct l1t_stay *stay, u64 since_ticks, u64 now_ticks,
		     u64 *parts_ticks)
{
	u64 span = l1t_ticks_since(since_ticks, now_ticks), runq_ns, sleep_ns;
	u64 parts[L1T_PARTS] = {};
	unsigned int i;

	divide(left, stay, l1t_ticks_to_ns(span), &runq_ns, &sleep_ns);
	parts[L1T_PART_RUNQ] = min(l1t_ns_to_ticks(runq_ns), span);
	parts[L1T_PART_VMM_SLEEP] = min(l1t_ns_to_ticks(sleep_ns),
					span - parts[L1T_PART_RUNQ]);
	parts[L1T_PART_VMM] = span - parts[L1T_PART_RUNQ] -
			      parts[L1T_PART_VMM_SLEEP];
	keep_shown(&away->shown, since_ticks, parts);
	for (i = 0; i < L1T_PARTS; i++)
		parts_ticks[i] += parts[i];
}

/**
 * l1t_away_tid() - the thread that runs a vCPU, in the initial PID namespace
 * @away: of the vCPU
 *
 * Return: 0 if none has run it yet.
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
 * l1t_away_is_asleep() - of a thread that is outside KVM_RUN
 * @away: of its vCPU
 */
bool l1t_away_is_asleep(struct l1t_away *away)
{
	bool asleep;

	raw_spin_lock(&away->lock);
	asleep = away->thread && !l1t_task_is_running(away->thread);
	raw_spin_unlock(&away->lock);
	return asleep;
}
