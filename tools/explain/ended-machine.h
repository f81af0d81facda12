/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ENDED_MACHINE_H
#define L1TUNE_ENDED_MACHINE_H

#include "explain/ended.h"

/*
 * ended_explain(), and what the machine on which the guest ended shows now, by its /sys;
 * NULL if that is not known.
 */
void ended_explain_here(const struct gone *gone, const struct probe *probe, const char *sysfs,
			struct ended *ended);

#endif
