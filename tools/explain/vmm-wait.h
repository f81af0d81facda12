/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_VMM_WAIT_H
#define L1TUNE_VMM_WAIT_H

#include "explain/cause.h"

/*
 * In which system calls the threads of a guest's vCPUs sleep, by some looks at them, and for
 * how long others of its VMM's threads wait for a CPU meanwhile.
 */

enum vmm_wait {
	/* A futex: what another thread holds, or tells. */
	VMM_WAIT_THREAD,
	/* Output to a pipe, a socket or a terminal. */
	VMM_WAIT_READER,
	/* A file or a disk. */
	VMM_WAIT_FILE,
	VMM_WAIT_OTHER,
	NUM_VMM_WAITS,
};

struct vmm_waits {
	bool is_read;
	/* 0, or -errno: why nothing is known. */
	int err;
	unsigned int num[NUM_VMM_WAITS], all;
	/* What was written to or read last, of each kind. */
	char target[NUM_VMM_WAITS][128];
	/* For how many CPUs the VMM's other threads waited. */
	bool is_starved_known;
	double starved;
};

/* Clues: do they sleep so most of the time that they sleep outside KVM_RUN? */
enum answer waits_for_thread(const struct facts *facts, char **seen);
enum answer waits_for_reader(const struct facts *facts, char **seen);
enum answer waits_for_file(const struct facts *facts, char **seen);

/* For how many CPUs do the VMM's other threads wait? False if that is not known. */
bool starved_threads(const struct facts *facts, double *cpus);

/* "pipe:[77]", or NULL. */
const char *awaited_reader(const struct facts *facts);

#endif
