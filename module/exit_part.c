// SPDX-License-Identifier: GPL-2.0
/*
 * The open exit's time, part by part, and what of it L0 took. Part of the hot path,
 * see exit.c.
 */
#include "clock.h"
#include "exit_part.h"

/* A part of the open exit ends, and all of it was that. */
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

/* The thread was outside KVM_RUN; not all of that is the VMM's. */
static void end_divided_part(struct l1t_account *acct, u64 now)
{
	struct l1t_away *away = &acct->split.away;
	u64 since = acct->split.since_ticks, parts[L1T_PARTS] = {};
	struct l1t_stay stay;
	unsigned int i;

	l1t_away_look(away, &stay);
	raw_spin_lock(&away->lock);
	l1t_away_divide(away, &away->left, &stay, since, now, parts);
	raw_spin_unlock(&away->lock);
	for (i = 0; i < L1T_PARTS; i++) {
		acct->open->parts_ticks[i] += parts[i];
		if (parts[i] > l1t_slow_stretch_ticks)
			l1t_slow_add_part(&acct->slow, acct->since_ticks, i, parts[i]);
	}
	if (parts[L1T_PART_RUNQ] > l1t_slow_stretch_ticks)
		l1t_slow_add_wait(&acct->slow, acct->since_ticks, away->left.cpu,
				  since, now, parts[L1T_PART_RUNQ]);
}

/**
 * l1t_exit_end_part() - the part that goes on ends, if one does
 * @acct: of the vCPU; between l1t_account_write_*()
 * @now: by l1t_ticks()
 *
 * Context: preemption off.
 */
void l1t_exit_end_part(struct l1t_account *acct, u64 now)
{
	const struct l1t_split *split = &acct->split;

	if (split->part == L1T_PART_KERNEL)
		return;
	if (split->part == L1T_PART_VMM)
		end_divided_part(acct, now);
	else
		end_whole_part(acct, now);
	l1t_exit_back_in_kernel(acct, now, false);
}

/**
 * l1t_exit_count_stolen() - L0 took some time since the steal clock was last read
 * @acct: of the vCPU whose thread this is; between l1t_account_write_*()
 * @others_ns: how long this CPU was not the thread's meanwhile
 *
 * Before the open exit it can have taken no more than there was since then.
 * Context: preemption off.
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
