/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_RUNNING_H
#define L1TUNE_RUNNING_H

#include "doctor/doctor.h"
#include "model/guest.h"

/* How many VMMs' maps a check reads: for each, the kernel walks the page tables. */
#define RUNNING_MAX_MAPS	16

/*
 * Calls LOOK for each guest that runs and has memory, with an environment that is open.
 * The number of guests that cannot be read.
 */
size_t running_look_at(const struct doctor *doctor,
		       void (*look)(const struct env *env, const struct guest *guest, void *arg),
		       void *arg);

/* "; 3 more guests were not checked", if it is so many. */
void running_add_unchecked(char **text, size_t num);

#endif
