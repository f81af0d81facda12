/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PROC_H
#define L1TUNE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is this process in the first PID namespace, whose PIDs the module has? */
bool proc_is_in_first_namespace(void);
/* Has @proc, "/proc", the PIDs of the namespace of this process? */
bool proc_has_own_pids(const char *proc);

/* A process in /proc: one that has the PID of a process that ended has another inode. */
struct proc_entry {
	uint64_t pid, inode;
};

/* Calls @look for each process, in the order of /proc: 0, or -errno if it cannot be listed. */
int proc_for_each(int procfd, void (*look)(int procfd, const struct proc_entry *entry, void *arg),
		  void *arg);

/* What /proc has about the process of a guest; NULL where it has nothing. */
struct proc_info {
	char *cmdline;
	size_t cmdline_len;
	/* Its command line did not come in time. */
	bool is_withheld;
	char *cgroup;
	/* That of its vCPUs' threads; NULL also if they are not known. */
	char *vcpu_cgroup;
};

/*
 * The PID may have been reused: a process that started after
 * not_after_ns (CLOCK_BOOTTIME) is not the one that made the guest, -ESRCH.
 */
int proc_read(int procfd, uint64_t pid, uint64_t not_after_ns,
	      struct proc_info *info);
/* The same of a directory /proc/PID: 0, or -ESRCH. */
int proc_check_start(int dirfd, uint64_t not_after_ns);
/* When it started, by CLOCK_BOOTTIME, rounded down: 0, or -ESRCH. */
int proc_read_start(int dirfd, uint64_t *ns);
void proc_free(struct proc_info *info);

/* Is a living process stopped by a signal or a tracer? Not if it cannot be read. */
bool proc_is_stopped(int procfd, uint64_t pid);

/* The process that traces it, or 0: 0, or -errno. */
int proc_read_tracer(int procfd, uint64_t pid, uint64_t *tracer);

/* The path of a process in /proc/PID/cgroup of either cgroup version. */
char *proc_parse_cgroup(const char *text);

/* The start time in /proc/PID/stat, in clock ticks since boot. */
int proc_parse_start(const char *stat, uint64_t *ticks);

#endif
