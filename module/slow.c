// SPDX-License-Identifier: GPL-2.0
/*
 * Exits that take longer than a threshold are recorded one by one, with what took the
 * time. This adds nothing to other exits: exits longer than L1T_SLOW_LEAST_NS leave
 * the usual path by a comparison that exists anyway (struct l1t_cell, @plain_ticks),
 * and so do parts longer than L1T_SLOW_STRETCH_NS (end_whole_part()).
 *
 * A guest cannot flood the records: each vCPU has its own, where new ones replace the
 * oldest, and each costs the vCPU at least the threshold.
 */
#include <linux/atomic.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "clock.h"
#include "slow.h"

u64 l1t_slow_ticks __read_mostly = U64_MAX;
u64 l1t_slow_stretch_ticks __read_mostly = S64_MAX;

/* Slow exits since load, including those of vCPUs that are gone. */
static DEFINE_PER_CPU(u64, nr_slow);

/**
 * l1t_slow_alloc() - allocate memory for more records, after a vCPU's first slow exit
 * @slow: of the vCPU; l1t_slow_lacks_memory()
 *
 * Context: may sleep; charged to the VMM. If this fails, the next slow exit asks again.
 */
void l1t_slow_alloc(struct l1t_slow *slow)
{
	struct l1t_slow_exit *more;

	BUILD_BUG_ON(L1T_SLOW_MORE * sizeof(*more) > 4096);
	more = kcalloc(L1T_SLOW_MORE, sizeof(*more), GFP_KERNEL_ACCOUNT);
	/* They have no number before they are visible: pairs with place_of() and l1t_slow_nr(). */
	smp_store_release(&slow->more, more);
}

/**
 * l1t_slow_free() - free the records of a vCPU
 * @slow: has no writer and no reader any more
 */
void l1t_slow_free(struct l1t_slow *slow)
{
	kfree(slow->more);
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
 * l1t_slow_count() - number of slow exits since load
 *
 * Return: the number, of living and ended guests.
 */
u64 l1t_slow_count(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(nr_slow, cpu));
	return sum;
}

static void add_first(struct l1t_slow *slow)
{
	if (slow->first_ticks > l1t_slow_stretch_ticks)
		slow->open.parts_ticks[slow->first_part] += slow->first_ticks;
	if (slow->first_runq_ticks > l1t_slow_stretch_ticks)
		slow->open.parts_ticks[L1T_PART_RUNQ] += slow->first_runq_ticks;
}

/* The record of the exit that began at @exit_ticks. A new one begins with its first stretch. */
static struct l1t_slow_exit *open_exit(struct l1t_slow *slow, u64 exit_ticks)
{
	if (slow->of_ticks != exit_ticks) {
		slow->of_ticks = exit_ticks;
		slow->wait_ticks = 0;
		slow->open = (struct l1t_slow_exit){};
		if (slow->first_of_ticks == exit_ticks)
			add_first(slow);
		/* So that further stretches are added here. */
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
 * Context: preemption disabled.
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
 * @cpu: the CPU it waited for; -1: not known
 * @from: when it lost the CPU
 * @to: when it was on a CPU again
 * @ticks: how long it waited
 *
 * Looks up who had the CPU at once, while the log of context switches still reaches back to
 * @from.
 *
 * Context: preemption disabled.
 */
void l1t_slow_add_wait(struct l1t_slow *slow, u64 exit_ticks, int cpu, u64 from, u64 to,
		       u64 ticks)
{
	struct l1t_slow_exit *e = open_exit(slow, exit_ticks);

	if (ticks <= slow->wait_ticks || ticks < l1t_slow_least_wait())
		return;
	slow->wait_ticks = ticks;
	if (cpu < 0)
		e->ran = (struct l1t_ran){};
	else
		l1t_ran_find(cpu, from, to, &e->ran);
}

/**
 * l1t_slow_add_stolen() - L0 is known to have stolen time from an open exit
 * @slow: of the vCPU
 * @exit_ticks: when the exit began
 * @ns: how much
 *
 * Context: preemption disabled.
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
 * Time spent halted does not count: the guest had nothing to do.
 *
 * Return: true if it did.
 */
bool l1t_slow_is(struct l1t_slow *slow, u64 exit_ticks, u64 ticks)
{
	u64 halted = open_exit(slow, exit_ticks)->parts_ticks[L1T_PART_HALTED];

	return ticks - min(ticks, halted) > READ_ONCE(l1t_slow_ticks);
}

/* The place of a record. While there is memory for one only, all have the same place. */
static unsigned int place_of(const struct l1t_slow *slow, u64 number)
{
	/* Pairs with l1t_slow_alloc(). */
	return smp_load_acquire(&slow->more) ? (number - 1) % L1T_SLOW_KEPT : 0;
}

/* @place: not 0 only if there is memory for more than one */
static struct l1t_slow_exit *record_at(struct l1t_slow *slow, unsigned int place)
{
	return place ? &slow->more[place - 1] : &slow->first;
}

/**
 * l1t_slow_end() - record an exit for which l1t_slow_is() returned true
 * @slow: of the vCPU
 * @exit_ticks: when it began
 * @now: l1t_ticks()
 * @key: level and slot
 * @before: the exits before it
 *
 * Context: preemption disabled, on the vCPU's thread.
 */
void l1t_slow_end(struct l1t_slow *slow, u64 exit_ticks, u64 now, u32 key,
		  const struct l1t_slow_before *before)
{
	struct l1t_slow_exit *e = open_exit(slow, exit_ticks);
	u64 number = slow->total + 1;
	struct l1t_slow_exit *kept = record_at(slow, place_of(slow, number));

	e->end_ticks = now;
	e->ticks = now - exit_ticks;
	e->key = key;
	e->tid = current->pid;
	memcpy(e->before, before, sizeof(e->before));
	WRITE_ONCE(kept->number, 0);
	smp_wmb(); /* number 0 while it changes: pairs with l1t_slow_read() */
	*kept = *e;
	smp_wmb(); /* the contents before the number */
	WRITE_ONCE(kept->number, number);
	/* Pairs with l1t_slow_nr(). */
	smp_store_release(&slow->total, number);
	this_cpu_inc(nr_slow);
}

/**
 * l1t_slow_nr() - number of records that can be read
 * @slow: of a vCPU
 *
 * Return: the number, at most L1T_SLOW_KEPT.
 */
unsigned int l1t_slow_nr(const struct l1t_slow *slow)
{
	/* Pairs with l1t_slow_alloc(). */
	unsigned int most = smp_load_acquire(&slow->more) ? L1T_SLOW_KEPT : 1;

	/* Pairs with l1t_slow_end(). */
	return min_t(u64, smp_load_acquire(&slow->total), most);
}

/**
 * l1t_slow_read() - read one of the records
 * @slow: of a vCPU
 * @n: below l1t_slow_nr(); an index, not the order in which the exits happened
 * @e: filled in
 *
 * Return: false if it is being replaced, or if there was no memory for it.
 */
bool l1t_slow_read(struct l1t_slow *slow, unsigned int n,
		   struct l1t_slow_exit *e)
{
	const struct l1t_slow_exit *kept = record_at(slow, n);
	u64 number = READ_ONCE(kept->number);

	smp_rmb(); /* pairs with l1t_slow_end() */
	/* May be overwritten meanwhile, which is checked below. */
	*e = data_race(*kept);
	smp_rmb(); /* the contents before the number is checked */
	return number && READ_ONCE(kept->number) == number;
}
