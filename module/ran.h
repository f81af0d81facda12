/* SPDX-License-Identifier: GPL-2.0 */
/* Which threads had a CPU while a vCPU waited for it. */
#ifndef L1TUNE_RAN_H
#define L1TUNE_RAN_H

#include <linux/sched.h>
#include <linux/types.h>

/**
 * struct l1t_ran - the thread that ran longest on a CPU in some period
 * @pid: its thread id in the initial PID namespace; 0: the CPU was idle
 * @comm: its name
 * @ticks: how long it ran
 * @threads: number of threads that ran, as far as known; 0: not known
 */
struct l1t_ran {
	pid_t pid;
	char comm[TASK_COMM_LEN];
	u64 ticks;
	u32 threads;
};

int l1t_ran_start(void);
void l1t_ran_stop(void);
void l1t_ran_find(unsigned int cpu, u64 from, u64 to, struct l1t_ran *ran);

#endif
