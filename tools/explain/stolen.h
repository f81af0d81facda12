/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_STOLEN_H
#define L1TUNE_STOLEN_H

#include "explain/cause.h"

/*
 * L0 may have had the guest's CPUs for half of a time in which they seem to have worked:
 * then it shows nothing. Appends to *seen why it may; no answer if that is not counted.
 */
enum answer may_be_stolen(const struct facts *facts, double cpus, char **seen);

/* How many CPUs L0 did not run for this machine; false if that is not known. */
bool stolen_of_machine(const struct facts *facts, double *cpus);

/* Where L0 takes less; a copy. */
char *leave_shared_l0(const struct facts *facts);

#endif
