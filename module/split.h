/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who spends the time between an exit and the next entry.
 *
 * KVM does, unless something rare happened: the vCPU's thread left KVM_RUN,
 * lost its CPU, gave it up. So the exit path pays only for asking whether it
 * did, and the rare events, told by hooks, do the rest.
 */
#ifndef L1TUNE_SPLIT_H
#define L1TUNE_SPLIT_H

#include <linux/kvm_host.h>
#include <linux/types.h>

/* Parts of an exit's time. KERNEL is what the others leave of it. */
enum l1t_part {
	L1T_PART_USER,		/* thread outside KVM_RUN: the VMM at work */
	L1T_PART_WAIT,		/* scheduled out with nothing to do */
	L1T_PART_RUNQ,		/* scheduled out though runnable */
	L1T_PART_THROTTLED,	/* made to sleep by a limit of ours */
	L1T_PARTS,
	L1T_PART_KERNEL = L1T_PARTS
};

/**
 * struct l1t_split - the parts of a vCPU's open exit
 * @runner: the thread that is in KVM_RUN with it, NULL for none
 * @part: who has the vCPU now; L1T_PART_KERNEL unless something rare goes on
 * @since_ticks: when @part began, if it is not L1T_PART_KERNEL
 * @kernel_since_ticks: when KVM last had it back from a part
 */
struct l1t_split {
	const struct task_struct *runner;
	u8 part;
	u64 since_ticks;
	u64 kernel_since_ticks;
};

void l1t_split_attach(const char *module);
void l1t_split_detach(void);

struct l1t_account;

void l1t_split_throttle(struct l1t_account *acct, bool on);
void l1t_split_end(struct l1t_account *acct, u64 now);

#endif
