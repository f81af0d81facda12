/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BENCH_SPLIT_H
#define L1TUNE_BENCH_SPLIT_H

#include <stdbool.h>

#include "model/exits.h"
#include "model/guest-cache.h"
#include "model/host.h"
#include "model/select.h"

/* What the module counted in a batch, and what the batch's guest measured. */
struct bench_reading {
	struct exit_stats stats;
	/* The mean of its round trips. */
	double round_trip_ns;
};

/*
 * The module's view of bench's own guest, if the module is there. It tells
 * sums, and interrupts of this machine's or of L0's come between. So it is
 * asked after each of many short batches, and those count whose round trips
 * are most like the usual one. What comes while KVM has the CPU makes a round
 * trip longer by as much as KVM's part, so it is the rest that is taken of each.
 */
struct bench_split {
	bool has_module;
	struct env env;
	struct host host;
	struct selection selection;
	struct guest_cache cache;
	struct bench_reading *readings;
	size_t num;
};

void bench_split_open(struct bench_split *split, const struct env *env);
void bench_split_close(struct bench_split *split);

/* Before batches of one kind of exit, and after each: false if it is not known. */
bool bench_split_begin(struct bench_split *split);
/* The same without waiting for the guest to appear, and without giving up. */
bool bench_split_start(struct bench_split *split);
bool bench_split_read(struct bench_split *split, double round_trip_ns);
/*
 * After batches of count round trips each, of one as it usually is: the VMM's
 * part, and what is neither the VMM's nor KVM's.
 */
bool bench_split_end(const struct bench_split *split, uint32_t count,
		     double usual_ns, double *vmm_ns, double *rest_ns);

#endif
