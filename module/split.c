// SPDX-License-Identifier: GPL-2.0
/*
 * The rare events of an exit. All of them run on the vCPU's own thread, two
 * in the midst of the scheduler: no lock, no wake-up, no allocation here.
 */
#include "clock.h"
#include "exit.h"
#include "split.h"
#include "throttle.h"

static void begin(struct l1t_account *acct, enum l1t_part part)
{
	struct l1t_split *split = &acct->split;

	/* Outside an exit there is nothing to split. */
	if (!acct->open || split->part != L1T_PART_KERNEL)
		return;
	l1t_account_write_begin(acct);
	split->since_ticks = l1t_ticks();
	split->part = part;
	acct->rare |= L1T_RARE_SPLIT;
	l1t_account_write_end(acct);
}

/**
 * l1t_split_end() - the part that goes on ends, if one does
 * @acct: of whose open exit it is a part; being written
 * @now: in ticks
 */
void l1t_split_end(struct l1t_account *acct, u64 now)
{
	struct l1t_split *split = &acct->split;

	if (split->part == L1T_PART_KERNEL)
		return;
	acct->open->parts_ticks[split->part] +=
		l1t_ticks_since(split->since_ticks, now);
	split->kernel_since_ticks = now;
	split->part = L1T_PART_KERNEL;
	acct->rare &= ~L1T_RARE_SPLIT;
}

static void end(struct l1t_account *acct)
{
	if (acct->split.part == L1T_PART_KERNEL)
		return;
	l1t_account_write_begin(acct);
	l1t_split_end(acct, l1t_ticks());
	l1t_account_write_end(acct);
}

/**
 * l1t_split_run() - a thread enters KVM_RUN
 * @vcpu: its vCPU, loaded on no CPU yet
 */
void l1t_split_run(struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);

	if (!acct)
		return;
	WRITE_ONCE(acct->split.runner, current);
	end(acct);
	if (unlikely(READ_ONCE(acct->lease) < 0))
		l1t_pace_exit(acct);
}

/**
 * l1t_split_sched_out() - a vCPU's thread is about to be scheduled out
 * @vcpu: the vCPU; l1t_split_put() follows
 */
void l1t_split_sched_out(struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);

	if (acct)
		acct->split.in_sched = true;
}

/**
 * l1t_split_put() - KVM unloads a vCPU from its CPU
 * @vcpu: the vCPU
 *
 * Because its thread is scheduled out, and then KVM has just noted whether
 * that could have run on; or because an ioctl ends, and if that is KVM_RUN
 * it is the VMM's turn.
 */
void l1t_split_put(struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);
	bool in_sched;

	if (!acct)
		return;
	in_sched = acct->split.in_sched;
	acct->split.in_sched = false;
	if (!acct->split.runner)
		return;
	if (in_sched) {
		begin(acct, READ_ONCE(vcpu->preempted) ? L1T_PART_RUNQ :
							 L1T_PART_WAIT);
	} else {
		WRITE_ONCE(acct->split.runner, NULL);
		begin(acct, L1T_PART_USER);
	}
}

/**
 * l1t_split_sched_in() - a vCPU's thread is back on a CPU
 * @vcpu: the vCPU
 */
void l1t_split_sched_in(struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);

	if (acct && acct->split.runner)
		end(acct);
}

/**
 * l1t_split_throttle() - a limit of ours begins to keep a vCPU, or ends
 * @acct: of the vCPU with which this thread is in KVM_RUN
 * @on: which of the two
 *
 * Whatever else goes on meanwhile, it is this that keeps it. Context:
 * preemption off.
 */
void l1t_split_throttle(struct l1t_account *acct, bool on)
{
	end(acct);
	if (on)
		begin(acct, L1T_PART_THROTTLED);
}
