/* SPDX-License-Identifier: GPL-2.0 */
/* Whose an exit's time is, until the next entry. */
#ifndef L1TUNE_PART_H
#define L1TUNE_PART_H

/*
 * KERNEL is what the others leave of an exit's time: on a CPU in KVM, halt
 * polling included. While the thread is outside KVM_RUN the part is VMM; it is
 * divided into three when it ends or is read (away.c).
 */
enum l1t_part {
	L1T_PART_VMM,		/* outside KVM_RUN, on a CPU */
	L1T_PART_VMM_SLEEP,	/* outside KVM_RUN, asleep */
	L1T_PART_HALTED,	/* in KVM's own wait of a halted vCPU */
	L1T_PART_BLOCKED,	/* asleep elsewhere in KVM: a page, a mutex */
	L1T_PART_RUNQ,		/* runnable without a CPU */
	L1T_PART_THROTTLED,	/* made to sleep by a limit of ours */
	L1T_PARTS,
	L1T_PART_KERNEL = L1T_PARTS,
	L1T_PARTS_AND_KERNEL
};

extern const char * const l1t_part_names[L1T_PARTS_AND_KERNEL];

#endif
