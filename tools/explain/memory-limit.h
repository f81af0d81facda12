/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MEMORY_LIMIT_H
#define L1TUNE_MEMORY_LIMIT_H

#include "explain/cause.h"

/* Limits of the memory of the VMM's cgroups. See cgroup_fullest(); false if they are not known. */
bool memory_limit_fullest(const struct facts *facts, const char *file, char **fullest,
			  double *share);

/*
 * Clue: a cgroup at its memory.max frees memory of its own for each page that it takes, which
 * no count of the machine has.
 */
enum answer is_at_memory_max(const struct facts *facts, char **seen);

#endif
