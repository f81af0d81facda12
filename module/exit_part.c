// SPDX-License-Identifier: GPL-2.0
/*
 * Divides the open exit's time into parts, and finds how much of it L0 stole. Part
 * of the hot path, see exit.c.
 */
#include "clock.h"
#include "exit_part.h"

/* Time of the open exit's part that has ended. */
static void add_part(struct l1t_account *acct, enum l1t_part part, u64 ticks)
{
	acct->open->parts_ticks[part] += ticks;
	if (ticks > l1t_slow_stretch_ticks)
		l1t_slow_add_part(&acct->slow, acct->since_ticks, part, ticks);
}

/* The thread waited for a CPU, @cpu or -1, within the time from @from to @to. */
static void add_wait(struct l1t_account *acct, int cpu, u64 from, u64 to, u64 ticks)
{
	if (ticks > l1t_slow_stretch_ticks)
		l1t_slow_add_wait(&acct->slow, acct->since_ticks, cpu, from, to, ticks);
}

/* All of the part is of one kind. */
static void end_whole_part(struct l1t_account *acct, u64 now)
{
	const struct l1t_split *split = &acct->split;
	u64 ticks = l1t_ticks_since(split->since_ticks, now);

	add_part(acct, split->part, ticks);
	if (split->part == L1T_PART_RUNQ)
		add_wait(acct, acct->slow.out_cpu, split->since_ticks, now, ticks);
}

/*
 * The CPU that the thread waited for, if it surely is this one; otherwise -1: it has moved
 * to another, or slept outside KVM_RUN, and when it was woken is not known.
 */
static int waited_for_cpu(const struct l1t_away *away, u64 vmm_sleep_ticks)
{
	if (away->thread != current || vmm_sleep_ticks ||
	    current->se.nr_migrations != away->left.nr_migrations)
		return -1;
	return smp_processor_id();
}

/* Any part that is divided, also one that a reader has divided. */
static void end_divided_part(struct l1t_account *acct, u64 now)
{
	struct l1t_away *away = &acct->split.away;
	u64 since = acct->split.since_ticks, runq, parts[L1T_PARTS] = {};
	enum l1t_part part = acct->split.part;
	struct l1t_stay stay;
	unsigned int i;

	l1t_away_look(away, &stay);
	raw_spin_lock(&away->lock);
	l1t_away_divide(away, part, &away->left, &stay, since, now, parts);
	raw_spin_unlock(&away->lock);
	for (i = 0; i < L1T_PARTS; i++)
		add_part(acct, i, parts[i]);
	runq = parts[L1T_PART_RUNQ];
	add_wait(acct, waited_for_cpu(away, parts[L1T_PART_VMM_SLEEP]),
		 part == L1T_PART_VMM ? since : now - runq, now, runq);
}

/*
 * The thread slept in KVM_RUN, and then waited for this CPU. Returns false, with nothing
 * changed, if a reader has divided that time, or the wait was one of seconds.
 */
static bool end_sleep(struct l1t_account *acct, u64 now)
{
	const struct l1t_split *split = &acct->split;
	u64 ticks = l1t_ticks_since(split->since_ticks, now), runq;

	if (split->part == L1T_PART_VMM || split->away.thread != current ||
	    l1t_away_was_shown(&split->away, split->since_ticks) ||
	    l1t_away_waited_ns(&split->away) > U32_MAX)
		return false;
	runq = min(l1t_ns_to_ticks(l1t_away_waited_ns(&split->away)), ticks);
	add_part(acct, split->part, ticks - runq);
	add_part(acct, L1T_PART_RUNQ, runq);
	add_wait(acct, waited_for_cpu(&split->away, 0), now - runq, now, runq);
	return true;
}

/**
 * l1t_exit_end_part() - end the current part, if there is one
 * @acct: of the vCPU; between l1t_account_write_*()
 * @now: l1t_ticks()
 *
 * Context: preemption disabled.
 */
void l1t_exit_end_part(struct l1t_account *acct, u64 now)
{
	const struct l1t_split *split = &acct->split;

	if (split->part == L1T_PART_KERNEL)
		return;
	if (!l1t_part_is_divided(split->part))
		end_whole_part(acct, now);
	else if (!end_sleep(acct, now))
		end_divided_part(acct, now);
	l1t_exit_back_in_kernel(acct, now, false);
}

/**
 * l1t_exit_count_stolen() - count what L0 stole since the steal clock was last read
 * @acct: of the current thread's vCPU; between l1t_account_write_*()
 * @others_ns: for how long other threads had this CPU meanwhile
 *
 * Before the open exit L0 can have stolen at most the time from the last read to
 * the exit; the rest is the exit's.
 *
 * Context: preemption disabled.
 */
notrace void l1t_exit_count_stolen(struct l1t_account *acct, u64 others_ns)
{
	u64 taken_ns = l1t_steal_take(&acct->stolen, others_ns), before_ns;

	if (!acct->open)
		return;
	before_ns = l1t_ticks_to_ns(l1t_ticks_since(acct->stolen.mark_ticks,
						    acct->since_ticks));
	if (taken_ns <= before_ns)
		return;
	acct->open->stolen_ns += taken_ns - before_ns;
	l1t_slow_add_stolen(&acct->slow, acct->since_ticks, taken_ns - before_ns);
}
