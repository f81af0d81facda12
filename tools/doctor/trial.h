/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TRIAL_H
#define L1TUNE_TRIAL_H

#include <stdbool.h>

#include "doctor/doctor.h"

/* What became of a VM with one vCPU that was created and closed at once. */
struct trial {
	/* NULL, or why nothing was tried. */
	const char *why_not;
	/* The ioctl that failed, with its errno; NULL if all went well. */
	const char *step;
	int err;
	/* CPUID of that vCPU: can it run guests itself? */
	bool is_cpuid_known, shows_nesting;
};

/* Leaves nothing behind: the VM ends before this returns, and never runs. */
void trial_run(const struct doctor *doctor, int kvm, struct trial *trial);

/* The row of what was tried. */
void trial_add_row(struct doctor *doctor, const struct trial *trial);

#endif
