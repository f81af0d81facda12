/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_AFFINITY_H
#define L1TUNE_AFFINITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"

#define MAX_CPUS	8192

/* A set of CPUs. Begins as zero, which is empty. */
struct affinity {
	uint64_t words[MAX_CPUS / 64];
	/* Those that may have any: few, and each guest is compared with each other. */
	size_t num_words;
};

/*
 * Adds those that a process or thread may use, which is a directory of /proc:
 * "123", "123/task/124". False if that cannot be read.
 */
bool affinity_add(const struct env *env, const char *task, struct affinity *affinity);

/* Those of a line "0-3,8", after any words. */
void affinity_add_list(const char *list, struct affinity *affinity);

void affinity_merge(struct affinity *all, const struct affinity *some);

bool affinity_has(const struct affinity *affinity, unsigned long cpu);

uint64_t affinity_count(const struct affinity *affinity);
bool affinity_overlaps(const struct affinity *a, const struct affinity *b);
/* Are all of b in a? */
bool affinity_contains(const struct affinity *a, const struct affinity *b);

#endif
