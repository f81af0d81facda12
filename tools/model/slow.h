/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SLOW_H
#define L1TUNE_SLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/cell.h"

#define MAX_COMM_ESCAPED	80
#define MAX_BEFORE		8

/* An exit that took longer than the module's threshold. */
struct slow_exit {
	uint64_t vcpu;
	/* The vCPU's slow exits are numbered from 1. */
	uint64_t number;
	/* When the guest was entered again, CLOCK_BOOTTIME. */
	uint64_t end_ns;
	struct exit_key key;
	/* The vCPU's thread, in the initial PID namespace. */
	uint64_t tid;
	uint64_t time_ns;
	/* The parts of the time; the rest, not attributed otherwise, is the kernel's. */
	uint64_t parts_ns[NUM_PARTS];
	bool has_stolen;
	uint64_t stolen_ns;
	/*
	 * The thread that had the CPU longest in the longest wait for it; 0 for
	 * an idle CPU. Of no use if ran_threads, how many there were, is 0.
	 */
	uint64_t ran_pid, ran_ns, ran_threads;
	/* As the module escapes it. */
	char ran_comm[MAX_COMM_ESCAPED];
	/* The exits that went before it, the latest first. */
	struct {
		uint32_t level, code;
		uint64_t ns;
	} before[MAX_BEFORE];
	size_t num_before;
};

/* One line of a guest's file; false for one that is just being replaced. */
bool slow_parse(const char *line, struct slow_exit *exit);

/*
 * Those that are kept of a guest, in order of vCPU and number, to be freed. 0, or
 * -errno.
 */
int slow_read(int guest_fd, struct slow_exit **v, size_t *num);

#endif
