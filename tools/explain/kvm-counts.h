/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_KVM_COUNTS_H
#define L1TUNE_KVM_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"

/* KVM's own statistics of a VMM's guests, as far as debugfs is there. */
struct kvm_counts {
	bool is_known;
	uint64_t poll_hit_ns, poll_miss_ns;
	uint64_t l1d_flushes;
	/* What is mapped now, in pages. */
	uint64_t small_pages, large_pages;
};

void kvm_counts_read(const struct env *env, uint64_t pid,
		     struct kvm_counts *counts);
/* What was counted since then; pages stay as they are. */
void kvm_counts_subtract(struct kvm_counts *counts,
			 const struct kvm_counts *before);

#endif
