/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CGROUP_TIMES_H
#define L1TUNE_CGROUP_TIMES_H

#include <stddef.h>
#include <stdint.h>

struct cgroup_time;

/*
 * For how long quotas held cgroups back, in rounds: the files stay open, and each is
 * read once a round, as guests have many cgroups in common. Begins as zero.
 */
struct cgroup_times {
	/* By path. */
	struct cgroup_time **v;
	size_t num;
	/* Which sum is the present one, see cgroup_times_begin_sum(). */
	uint64_t sum;
};

/* Begins a sum in which each cgroup is counted once. */
void cgroup_times_begin_sum(struct cgroup_times *times);

/*
 * How long the quotas (cpu.max) of a directory and those above it have throttled
 * run queues, summed over CPUs and levels. *sum_ns grows by the levels that are
 * not in the present sum yet. 0, or -errno.
 *
 * The kernel counts per CPU: an upper bound for one thread on that run queue,
 * while several threads on it each waited that long. A wait is counted at its end.
 */
int cgroup_times_throttled_ns(struct cgroup_times *times, const char *directory,
			      const char *mount, uint64_t *ns, uint64_t *sum_ns);

/* Ends a round: forgets the cgroups that nobody asked for in it. */
void cgroup_times_end_round(struct cgroup_times *times);
void cgroup_times_free(struct cgroup_times *times);

#endif
