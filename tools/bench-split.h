/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BENCH_SPLIT_H
#define L1TUNE_BENCH_SPLIT_H

#include <stdbool.h>

#include "host.h"
#include "snapshot.h"

/* The module's view of bench's own guest, if the module is there. */
struct bench_split {
	bool has_module;
	struct env env;
	struct host host;
	struct selection selection;
	struct snapshot before;
};

void bench_split_open(struct bench_split *split, const struct env *env);
void bench_split_close(struct bench_split *split);

/* Around num exits of one kind: false when the module does not tell of them. */
void bench_split_begin(struct bench_split *split);
bool bench_split_end(struct bench_split *split, uint64_t num, double *kvm_ns,
		     double *vmm_ns);

#endif
