// SPDX-License-Identifier: GPL-2.0
/*
 * Divides the open exit's time into parts, and finds how much of it L0 stole. Part
 * of the hot path, see exit.c.
 */
#include "clock.h"
#include "exit_part.h"

/* All of the part is of one kind. */
static void end_whole_part(struct l1t_account *acct, u64 now)
{
	const struct l1t_split *split = &acct->split;
	u64 ticks = l1t_ticks_since(split->since_ticks, now);

	acct->open->parts_ticks[split->part] += ticks;
	if (ticks <= l1t_slow_stretch_ticks)
		return;
	l1t_slow_add_part(&acct->slow, acct->since_ticks, split->part, ticks);
	if (split->part == L1T_PART_RUNQ)
		l1t_slow_add_wait(&acct->slow, acct->since_ticks, acct->slow.out_cpu,
				  split->since_ticks, now, ticks);
}

/*
 * The CPU that the thread waited for, if it surely is this one; otherwise -1: it has moved
 * to another, or slept outside KVM_RUN, and when it was woken is not known.
 */
static int waited_for_cpu(const struct l1t_away *away, const u64 *parts)
{
	if (away->thread != current || parts[L1T_PART_VMM_SLEEP] ||
	    current->se.nr_migrations != away->left.nr_migrations)
		return -1;
	return smp_processor_id();
}

/* What the thread did meanwhile is found now. */
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
	for (i = 0; i < L1T_PARTS; i++) {
		acct->open->parts_ticks[i] += parts[i];
		if (parts[i] > l1t_slow_stretch_ticks)
			l1t_slow_add_part(&acct->slow, acct->since_ticks, i, parts[i]);
	}
	runq = parts[L1T_PART_RUNQ];
	if (runq > l1t_slow_stretch_ticks)
		l1t_slow_add_wait(&acct->slow, acct->since_ticks, waited_for_cpu(away, parts),
				  part == L1T_PART_VMM ? since : now - runq, now, runq);
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
	if (l1t_part_is_divided(split->part))
		end_divided_part(acct, now);
	else
		end_whole_part(acct, now);
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
