/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BENCH_SPLIT_H
#define L1TUNE_BENCH_SPLIT_H

#include <stdbool.h>

#include "exits.h"
#include "host.h"
#include "known.h"
#include "select.h"

/*
 * The module's view of bench's own guest, if the module is there. It tells
 * sums; so that an interrupt which comes between is not taken for the exits'
 * own, it is asked after each of many short batches, and the median counts.
 */
struct bench_split {
	bool has_module;
	struct env env;
	struct host host;
	struct selection selection;
	struct known_guests known;
	struct exit_stats *readings;
	size_t num;
};

void bench_split_open(struct bench_split *split, const struct env *env);
void bench_split_close(struct bench_split *split);

/* Before batches of one kind of exit, and after each: false when it does not tell. */
bool bench_split_begin(struct bench_split *split);
bool bench_split_read(struct bench_split *split);
/* Of one exit, after batches of count exits each. */
bool bench_split_end(const struct bench_split *split, uint32_t count,
		     double *kvm_ns, double *vmm_ns);

#endif
