/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ACTIVITY_H
#define L1TUNE_ACTIVITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

/* A line of /proc/interrupts. */
struct interrupt {
	/* "24", "LOC" */
	char name[16];
	/* The last word: a device's name; empty of those with names. */
	char device[48];
	/* Of all CPUs, and of each column; the columns are 0 where there is one count for all. */
	uint64_t count;
	uint64_t *of_columns;
};

/* What this machine's kernel does besides, by /proc/vmstat, stat and interrupts. */
struct activity {
	/* By boottime_ns(); and how long they are counted, which may be longer than a guest is there. */
	uint64_t taken_ns, interval_ns;
	/* Whether they are counted in the interval that is looked at. */
	bool are_interrupts_known;
	struct interrupt *interrupts;
	size_t num_interrupts;
	/* The CPU of each column: those that are online. */
	unsigned long *columns;
	size_t num_columns;
	/* The same of CPU time: what CPUs had nothing to do for, all together. */
	bool is_idle_known;
	uint64_t idle_ns;
	/* And what programs and the kernel ran for: without what L0 took, counted or not. */
	uint64_t busy_ns;
	/* The same of what L0 took of CPUs that were runnable; 0 also if it does not say so. */
	bool is_stolen_counted;
	uint64_t stolen_ns;
	/* The same of CPUs kept idle by core scheduling; not known unless the kernel counts it. */
	bool is_forced_idle_known;
	uint64_t forced_idle_ns;
	/* The same of memory. */
	bool is_memory_known;
	/* Entries of page tables that NUMA balancing took away to see who uses them. */
	uint64_t numa_updates;
	/* Pages moved by compaction, NUMA balancing or an administrator. */
	uint64_t migrations;
	/* Pages read from swap, also from what is compressed in memory (zswap). */
	uint64_t swap_ins;
	/* Faults that had to read a disk: a file's or swap. */
	uint64_t major_faults;
	/* Allocations that had to free or move other pages first. */
	uint64_t stalls;
	/* Merged pages that were copied to be written; not counted before Linux 5.18. */
	uint64_t ksm_copies;
};

void activity_read(const struct env *env, struct activity *activity);
void activity_subtract(struct activity *activity,
		       const struct activity *before);
void activity_free(struct activity *activity);

/* The count of the line with a name; 0 if there is none. */
uint64_t activity_interrupts(const struct activity *activity, const char *name);

#endif
