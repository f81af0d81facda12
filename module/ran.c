// SPDX-License-Identifier: GPL-2.0
/*
 * Logs the last context switches of each CPU, while slow exits are watched: they name
 * the threads that ran while a vCPU waited for the CPU. The scheduler's notifiers
 * would name only the first, often a kernel thread that ran for microseconds.
 *
 * The probe runs at every context switch of the machine, so it is attached only
 * while it is needed. Each CPU writes its own log, within the scheduler.
 */
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/tracepoint.h>

#include "clock.h"
#include "hook.h"
#include "ran.h"

/* Logged switches per CPU: a power of 2. */
#define SWITCHES	128

/* Threads distinguished in one wait; the time of further ones is ignored. */
#define MOST_THREADS	16

struct switched {
	u64 ticks;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

/**
 * struct log - the last context switches of a CPU
 * @head: number of switches so far
 * @last: the thread that was switched to, and when
 * @sums: used by l1t_ran_find() running on this CPU with preemption disabled: too
 *	large for the stack
 */
struct log {
	u64 head;
	struct switched last[SWITCHES];
	struct l1t_ran sums[MOST_THREADS];
};

/* NULL while nothing is logged. */
static struct log __percpu *logs;
static struct tracepoint *sched_switch;

/* Before 5.18 the last argument, which is not used, is not passed. */
static void notrace switched(void *data, bool preempt, struct task_struct *prev,
			     struct task_struct *next, unsigned int prev_state)
{
	struct log *log = this_cpu_ptr(logs);
	struct switched *s = &log->last[log->head % SWITCHES];

	s->ticks = l1t_ticks();
	s->pid = next->pid;
	memcpy(s->comm, next->comm, sizeof(s->comm));
	smp_wmb(); /* the entry before @head: pairs with l1t_ran_find() */
	WRITE_ONCE(log->head, log->head + 1);
}

static void find_sched_switch(struct tracepoint *tp, void *found)
{
	if (!strcmp(tp->name, "sched_switch"))
		*(struct tracepoint **)found = tp;
}

/**
 * l1t_ran_start() - start logging context switches
 *
 * Context: may sleep; logging is stopped.
 * Return: 0 or an error.
 */
int l1t_ran_start(void)
{
	struct log __percpu *new;
	int err;

	if (!sched_switch)
		for_each_kernel_tracepoint(find_sched_switch, &sched_switch);
	new = alloc_percpu(struct log);
	if (!new)
		return -ENOMEM;
	/* Set before the probe needs it; until then l1t_ran_find() finds it empty. */
	smp_store_release(&logs, new);
	err = sched_switch ? tracepoint_probe_register(sched_switch, switched, NULL) :
			     -ENOENT;
	if (err) {
		WRITE_ONCE(logs, NULL);
		synchronize_rcu();
		free_percpu(new);
	}
	l1t_hook_result(L1T_HOOK_SCHED_SWITCH, err);
	return err;
}

/**
 * l1t_ran_stop() - undo a successful l1t_ran_start()
 *
 * Context: may sleep.
 */
void l1t_ran_stop(void)
{
	struct log __percpu *old = logs;

	tracepoint_probe_unregister(sched_switch, switched, NULL);
	/* Only now is no probe using the logs. */
	tracepoint_synchronize_unregister();
	WRITE_ONCE(logs, NULL);
	synchronize_rcu();
	free_percpu(old);
	l1t_hook_off(L1T_HOOK_SCHED_SWITCH);
}

/* A thread ran for @ticks more. */
static void add(struct l1t_ran *threads, unsigned int *nr, const struct switched *s,
		u64 ticks)
{
	unsigned int i;

	for (i = 0; i < *nr; i++)
		if (threads[i].pid == s->pid)
			break;
	if (i == MOST_THREADS)
		return;
	if (i == *nr) {
		(*nr)++;
		threads[i].pid = s->pid;
		threads[i].ticks = 0;
		memcpy(threads[i].comm, s->comm, sizeof(threads[i].comm));
	}
	threads[i].ticks += ticks;
}

/**
 * l1t_ran_find() - which thread other than the current one ran longest
 * @cpu: on which CPU
 * @from: start of the period, by l1t_ticks()
 * @to: its end
 * @ran: filled in; @threads is 0 if the log does not reach back to @from
 *
 * Context: preemption disabled. Not for usual exits: it may read a whole log, and
 * one that another CPU writes.
 */
void l1t_ran_find(unsigned int cpu, u64 from, u64 to, struct l1t_ran *ran)
{
	struct log __percpu *all = smp_load_acquire(&logs); /* l1t_ran_start() */
	u64 head, i, until = to;
	const struct log *log;
	unsigned int nr = 0, n;
	struct l1t_ran *sums;
	struct switched s;

	*ran = (struct l1t_ran){};
	if (!all)
		return;
	log = per_cpu_ptr(all, cpu);
	sums = this_cpu_ptr(all)->sums;
	head = READ_ONCE(log->head);
	smp_rmb(); /* @head before the entries: pairs with switched() */
	for (i = head; i && head - i < SWITCHES - 1; i--) {
		/* Another CPU may overwrite it, which is checked below. */
		s = data_race(log->last[(i - 1) % SWITCHES]);
		if (s.ticks < until) {
			if (s.pid != current->pid)
				add(sums, &nr, &s, until - max(s.ticks, from));
			until = s.ticks;
		}
		if (s.ticks <= from)
			break;
	}
	smp_rmb(); /* the entries before @head, which tells if any was overwritten */
	if (!i || until > from || READ_ONCE(log->head) - i >= SWITCHES - 1)
		return;
	for (n = 0; n < nr; n++)
		if (sums[n].ticks > ran->ticks)
			*ran = sums[n];
	ran->threads = nr;
}
