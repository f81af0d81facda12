// SPDX-License-Identifier: GPL-2.0
/*
 * Exits that take longer than a threshold are kept whole, each by itself, with
 * what took the time. Nothing is added to other exits: those that take longer
 * than L1T_SLOW_LEAST_NS leave the usual path by a comparison that is there
 * anyway (struct l1t_cell, @plain_ticks), and so do parts of exits that take
 * longer than L1T_SLOW_STRETCH_NS (l1t_exit_end_whole_part()).
 *
 * A guest cannot flood anything with them: what a vCPU had is its own, the older
 * ones are replaced, and each takes it as long as the threshold says.
 */
#include <linux/atomic.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "clock.h"
#include "slow.h"

u64 l1t_slow_ticks __read_mostly = U64_MAX;
u64 l1t_slow_stretch_ticks __read_mostly = S64_MAX;

/* All of them since load, of vCPUs that are gone too. */
static DEFINE_PER_CPU(u64, nr_slow);

/**
 * l1t_slow_init() - get ready for a vCPU's first exit
 * @slow: all zero
 *
 * Context: may sleep; the VMM is charged. Return: 0 or -ENOMEM.
 */
int l1t_slow_init(struct l1t_slow *slow)
{
	BUILD_BUG_ON(L1T_SLOW_KEPT * sizeof(struct l1t_slow_exit) > 4096);
	slow->kept = kcalloc(L1T_SLOW_KEPT, sizeof(*slow->kept), GFP_KERNEL_ACCOUNT);
	return slow->kept ? 0 : -ENOMEM;
}

/**
 * l1t_slow_exit() - undo l1t_slow_init()
 * @slow: without a writer or reader left
 */
void l1t_slow_exit(struct l1t_slow *slow)
{
	kfree(slow->kept);
}

/**
 * l1t_slow_set() - set the threshold
 * @over_ns: at least L1T_SLOW_LEAST_NS, or L1T_SLOW_OFF
 */
void l1t_slow_set(u64 over_ns)
{
	bool off = over_ns == L1T_SLOW_OFF;

	WRITE_ONCE(l1t_slow_stretch_ticks,
		   off ? S64_MAX : l1t_ns_to_ticks(L1T_SLOW_STRETCH_NS));
	WRITE_ONCE(l1t_slow_ticks, off ? U64_MAX : l1t_ns_to_ticks(over_ns));
}

/**
 * l1t_slow_count() - how many there were since load
 */
u64 l1t_slow_count(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(nr_slow, cpu));
	return sum;
}

/* What is known of the exit that began then: of a new one its first stretch. */
static struct l1t_slow_exit *open_exit(struct l1t_slow *slow, u64 exit_ticks)
{
	if (slow->of_ticks != exit_ticks) {
		slow->of_ticks = exit_ticks;
		slow->wait_ticks = 0;
		slow->open = (struct l1t_slow_exit){};
		if (slow->first_of_ticks == exit_ticks)
			slow->open.parts_ticks[slow->first_part] = slow->first_ticks;
		/* Those that follow are added here. */
		slow->first_of_ticks = exit_ticks;
	}
	return &slow->open;
}

/**
 * l1t_slow_add_part() - a part of an open exit took long
 * @slow: of the vCPU
 * @exit_ticks: when the exit began
 * @part: which part
 * @ticks: how long it took
 *
 * Context: preemption off.
 */
void l1t_slow_add_part(struct l1t_slow *slow, u64 exit_ticks, enum l1t_part part,
		       u64 ticks)
{
	if (READ_ONCE(l1t_slow_ticks) != U64_MAX)
		open_exit(slow, exit_ticks)->parts_ticks[part] += ticks;
}

/**
 * l1t_slow_add_wait() - the vCPU's thread waited for a CPU in an open exit
 * @slow: of the vCPU
 * @exit_ticks: when the exit began
 * @cpu: for which CPU
 * @from: when it began to be off the CPU
 * @to: when it was on one again
 * @ticks: how long it waited
 *
 * Who had the CPU is looked for at once, while the log of its context switches
 * reaches back to @from. Context: preemption off.
 */
void l1t_slow_add_wait(struct l1t_slow *slow, u64 exit_ticks, unsigned int cpu,
		       u64 from, u64 to, u64 ticks)
{
	u64 least = READ_ONCE(l1t_slow_ticks) / 4;
	struct l1t_slow_exit *e = open_exit(slow, exit_ticks);

	if (ticks <= slow->wait_ticks || ticks < least)
		return;
	slow->wait_ticks = ticks;
	l1t_ran_find(cpu, from, to, &e->ran);
}

/**
 * l1t_slow_add_stolen() - L0 is known to have taken some of an open exit
 * @slow: of the vCPU
 * @exit_ticks: when the exit began
 * @ns: how much
 *
 * Context: preemption off.
 */
void l1t_slow_add_stolen(struct l1t_slow *slow, u64 exit_ticks, u64 ns)
{
	open_exit(slow, exit_ticks)->stolen_ns += ns;
}

/**
 * l1t_slow_is() - did an exit take longer than the threshold
 * @slow: of the vCPU
 * @exit_ticks: when it began
 * @ticks: how long it took
 *
 * One that was halted for so long has not been slow: its guest had nothing to do.
 */
bool l1t_slow_is(struct l1t_slow *slow, u64 exit_ticks, u64 ticks)
{
	u64 halted = open_exit(slow, exit_ticks)->parts_ticks[L1T_PART_HALTED];

	return ticks - min(ticks, halted) > READ_ONCE(l1t_slow_ticks);
}

/**
 * l1t_slow_end() - an exit ends that l1t_slow_is()
 * @slow: of the vCPU
 * @exit_ticks: when it began
 * @now: by l1t_ticks()
 * @key: level and slot
 * @before: the exits before it
 *
 * Context: preemption off; on the vCPU's thread.
 */
void l1t_slow_end(struct l1t_slow *slow, u64 exit_ticks, u64 now, u32 key,
		  const struct l1t_slow_before *before)
{
	struct l1t_slow_exit *e = open_exit(slow, exit_ticks);
	struct l1t_slow_exit *kept = &slow->kept[slow->total % L1T_SLOW_KEPT];

	e->end_ticks = now;
	e->ticks = now - exit_ticks;
	e->key = key;
	e->tid = current->pid;
	memcpy(e->before, before, sizeof(e->before));
	WRITE_ONCE(kept->number, 0);
	smp_wmb(); /* no number while it changes: pairs with l1t_slow_read() */
	*kept = *e;
	smp_wmb(); /* then its number */
	WRITE_ONCE(kept->number, slow->total + 1);
	/* Pairs with l1t_slow_nr(). */
	smp_store_release(&slow->total, slow->total + 1);
	this_cpu_inc(nr_slow);
}

/**
 * l1t_slow_nr() - how many can be read
 * @slow: of a vCPU
 */
unsigned int l1t_slow_nr(const struct l1t_slow *slow)
{
	/* Pairs with the release in l1t_slow_end(). */
	return min_t(u64, smp_load_acquire(&slow->total), L1T_SLOW_KEPT);
}

/**
 * l1t_slow_read() - one of those that are kept
 * @slow: of a vCPU
 * @n: below l1t_slow_nr(); a place, so not in the order in which they were
 * @e: filled in
 *
 * Return: false if it is being replaced.
 */
bool l1t_slow_read(const struct l1t_slow *slow, unsigned int n,
		   struct l1t_slow_exit *e)
{
	const struct l1t_slow_exit *kept = &slow->kept[n];
	u64 number = READ_ONCE(kept->number);

	smp_rmb(); /* pairs with l1t_slow_end() */
	/* If it is being replaced, that is found out. */
	*e = data_race(*kept);
	smp_rmb(); /* what it holds, then whether it still does */
	return number && READ_ONCE(kept->number) == number;
}
