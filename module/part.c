// SPDX-License-Identifier: GPL-2.0
#include "part.h"

/* As in sysfs. */
const char * const l1t_part_names[L1T_PARTS_AND_KERNEL] = {
	[L1T_PART_KERNEL] = "kernel",
	[L1T_PART_VMM] = "vmm",
	[L1T_PART_VMM_SLEEP] = "vmm_sleep",
	[L1T_PART_HALTED] = "halted",
	[L1T_PART_BLOCKED] = "blocked",
	[L1T_PART_RUNQ] = "runq",
	[L1T_PART_THROTTLED] = "throttled",
};
