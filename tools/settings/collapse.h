/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_COLLAPSE_H
#define L1TUNE_COLLAPSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "model/guest.h"
#include "model/host.h"
#include "settings/collapse-plan.h"

/* By default, stops when a vCPU has waited this long for its memory. */
#define COLLAPSE_MOST_STALL_NS	(NSEC_PER_SEC / 10)

struct collapse_request {
	const struct env *env;
	const struct host *host;
	const struct guest *guest;
	uint64_t most_stall_ns;
	/* Only say what would be done. */
	bool is_check;
	/* How far it is, of bytes that can be collapsed; or NULL. */
	void (*progress)(uint64_t done, uint64_t all);
	/* Collapses 2 MB at an address: 0, or -errno. NULL for the kernel's. */
	int (*collapse)(int pidfd, uint64_t start);
};

struct collapse_result {
	uint64_t bytes[NUM_BACKINGS][NUM_FATES];
	/* The guest has more slots than are known. */
	bool has_more;
	/* The longest that a vCPU has waited for memory meanwhile. */
	uint64_t stall_ns;
	bool is_stall_at_most;
	/* This kernel does not tell memory pressure. */
	bool is_pressure_unknown;
	/* Why it ended before the end; NULL if it did not. */
	char *stopped;
};

/*
 * Puts a guest's memory into 2 MB pages, as far as its pages are there, 2 MB at a
 * time with pauses. STATUS_OK also if it was stopped; another exit status after
 * a message. Free the result in every case.
 */
int collapse_run(const struct collapse_request *request,
		 struct collapse_result *result);
void collapse_result_free(struct collapse_result *result);

/* Of all backings. */
uint64_t collapse_bytes(const struct collapse_result *result,
			enum collapse_fate fate);

#endif
