/* SPDX-License-Identifier: GPL-2.0 */
/* Who spends the time of an exit, until the next entry. */
#ifndef L1TUNE_PART_H
#define L1TUNE_PART_H

#include <linux/types.h>

/*
 * KERNEL is the rest of an exit's time: on a CPU in KVM, including halt polling.
 *
 * Some parts are divided when they end or are read, because no hook sees what the thread
 * does meanwhile (away.c): VMM, the time outside KVM_RUN, into VMM, VMM_SLEEP and RUNQ;
 * HALTED and BLOCKED into themselves and RUNQ, the wait for a CPU after the wake-up.
 */
enum l1t_part {
	L1T_PART_VMM,		/* outside KVM_RUN, on a CPU */
	L1T_PART_VMM_SLEEP,	/* outside KVM_RUN, asleep */
	L1T_PART_HALTED,	/* in KVM's own wait of a halted vCPU */
	L1T_PART_BLOCKED,	/* asleep elsewhere in KVM: a page, a mutex */
	L1T_PART_RUNQ,		/* runnable without a CPU */
	L1T_PART_THROTTLED,	/* made to sleep by one of our limits */
	L1T_PARTS,
	L1T_PART_KERNEL = L1T_PARTS,
	L1T_PARTS_AND_KERNEL
};

static inline bool l1t_part_is_divided(enum l1t_part part)
{
	return part == L1T_PART_VMM || part == L1T_PART_HALTED || part == L1T_PART_BLOCKED;
}

extern const char * const l1t_part_names[L1T_PARTS_AND_KERNEL];

#endif
