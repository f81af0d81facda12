/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TASK_H
#define L1TUNE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/kept-file.h"

/* What /proc/PID/stat and /proc/PID/task/TID/stat say of a process or thread. */
struct task {
	char comm[64];
	/* User and system time; of a process that of all threads it ever had. */
	uint64_t cpu_ns;
	/* The part of it in which it ran a guest's code. */
	uint64_t guest_ns;
	bool is_kernel_thread;
	/* SCHED_FIFO, SCHED_RR: it runs before all others, unless the kernel holds it back. */
	bool is_realtime;
	/* SCHED_IDLE: it runs where no other wants to. */
	bool is_idle;
	/* From -20 to 19; above 0 it gets less than others. */
	int nice;
};

/* 0, or -EINVAL. */
int task_parse(const char *stat, struct task *task);

/* Reads the file in a task's directory; 0, or -errno. */
int task_read(int dirfd, const char *dir, struct task *task);

/*
 * The CPU time of one thread in its schedstat, in ns rather than clock ticks;
 * -errno where the kernel has no such file.
 */
int task_read_cpu_ns(int dirfd, const char *dir, uint64_t *cpu_ns);
/* For how long it waited for a CPU, of the same file. */
int task_read_run_delay_ns(int dirfd, const char *dir, uint64_t *delay_ns);
/* Its CPU time by a file that stays open; in clock ticks where the kernel has none. */
int task_read_kept_cpu_ns(struct kept_file *schedstat, int dirfd, const char *dir,
			  uint64_t *cpu_ns);

#endif
