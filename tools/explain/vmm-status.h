/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_VMM_STATUS_H
#define L1TUNE_VMM_STATUS_H

#include <stdbool.h>

/* The guest chooses the status. */
#define ANY_STATUS	(-1)

/* What a VMM means by the status that it exits with. */
struct vmm_status {
	/* How the process' name begins. */
	const char *program;
	/* Or ANY_STATUS. */
	int status;
	/* It caught this signal; or 0. */
	int signal;
	/* Otherwise what happened, and what to do. */
	const char *text, *next;
	/* The process has that name, not only its beginning. */
	bool is_whole_name;
};

/* NULL if it means nothing, or what it means is not known. */
const struct vmm_status *vmm_status_of(const char *comm, int status);

/* What a reset means to a VMM that treats it in a way of its own; NULL for others. */
const char *vmm_reset_meaning(const char *comm);

#endif
