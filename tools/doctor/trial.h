/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TRIAL_H
#define L1TUNE_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "doctor/doctor.h"

/* What became of a VM with one vCPU that ran one instruction and was closed. */
struct trial {
	/* NULL, or why nothing was tried. */
	const char *why_not;
	/* The ioctl that failed, with its errno; NULL if all went well. */
	const char *step;
	int err;
	/* When the VM was created, by CLOCK_BOOTTIME, and whether its guest got to run. */
	uint64_t since_ns;
	bool has_run;
	/* How the run ended, if it was not by that instruction: KVM's exit reason. */
	bool has_run_wrong;
	uint32_t exit_reason;
	uint64_t hardware_reason;
	/* CPUID of that vCPU: can it run guests itself? */
	bool is_cpuid_known, shows_nesting;
};

/* Leaves nothing behind: the VM ends before this returns. */
void trial_run(const struct doctor *doctor, int kvm, struct trial *trial);

/* The row of what was tried. */
void trial_add_row(struct doctor *doctor, const struct trial *trial);

#endif
