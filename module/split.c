// SPDX-License-Identifier: GPL-2.0
/*
 * The rare events of an exit. All of them run on the vCPU's own thread, two
 * in the midst of the scheduler: no lock, no wake-up, no allocation here.
 */
#include "clock.h"
#include <linux/rcupdate.h>

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

static void (*unknown_runs)(struct kvm_vcpu *vcpu);

/* A thread enters KVM_RUN with a vCPU that is loaded on no CPU yet. */
static void thread_runs(struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);

	if (!acct) {
		unknown_runs(vcpu);
		return;
	}
	WRITE_ONCE(acct->split.runner, current);
	end(acct);
	if (unlikely(READ_ONCE(acct->lease) < 0))
		l1t_pace_exit(acct);
}

/* A vCPU's thread is about to be scheduled out; vcpu_puts() follows. */
static void thread_sched_out(struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);

	if (acct)
		acct->split.in_sched = true;
}

/*
 * KVM unloads a vCPU from its CPU, because its thread is scheduled out, and then
 * KVM has just noted whether that could have run on; or because an ioctl ends,
 * and if that is KVM_RUN it is the VMM's turn.
 */
static void thread_puts(struct kvm_vcpu *vcpu)
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

/* A vCPU's thread is back on a CPU. */
static void thread_sched_in(struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);

	if (acct && acct->split.runner)
		end(acct);
}

/* The hooks. Half of what splits an exit's time would split it wrongly. */
static bool splits __read_mostly;

static struct kvm_vcpu *notified_vcpu(const struct pt_regs *regs)
{
	return container_of((struct preempt_notifier *)l1t_argument(regs, 0),
			    struct kvm_vcpu, preempt_notifier);
}

/* kvm_arch_vcpu_ioctl_run(vcpu) */
static void vcpu_runs(struct pt_regs *regs)
{
	if (READ_ONCE(splits))
		thread_runs(l1t_argument(regs, 0));
}

/* kvm_arch_vcpu_put(vcpu) */
static void vcpu_puts(struct pt_regs *regs)
{
	if (READ_ONCE(splits))
		thread_puts(l1t_argument(regs, 0));
}

/* kvm_sched_out(notifier, next) */
static void vcpu_sched_out(struct pt_regs *regs)
{
	if (READ_ONCE(splits))
		thread_sched_out(notified_vcpu(regs));
}

/* kvm_sched_in(notifier, cpu) */
static void vcpu_sched_in(struct pt_regs *regs)
{
	if (READ_ONCE(splits))
		thread_sched_in(notified_vcpu(regs));
}

struct l1t_function l1t_split_functions[L1T_SPLIT_FUNCTIONS] = {
	{ L1T_HOOK_PUT, "kvm_arch_vcpu_put", NULL, vcpu_puts },
	{ L1T_HOOK_RUN, "kvm_arch_vcpu_ioctl_run", NULL, vcpu_runs },
	{ L1T_HOOK_SCHED_OUT, "kvm_sched_out", NULL, vcpu_sched_out },
	{ L1T_HOOK_SCHED_IN, "kvm_sched_in", NULL, vcpu_sched_in },
};

/**
 * l1t_split_start() - the hooks are attached, those that could be
 * @unknown: called when a thread enters KVM_RUN with a vCPU that has no account
 */
void l1t_split_start(void (*unknown)(struct kvm_vcpu *vcpu))
{
	unsigned int i;

	unknown_runs = unknown;
	for (i = 0; i < L1T_SPLIT_FUNCTIONS; i++)
		if (l1t_hook_state(l1t_split_functions[i].hook) != L1T_HOOK_OK)
			return;
	WRITE_ONCE(splits, true);
}

/**
 * l1t_split_stop() - the hooks are about to go
 *
 * Context: may sleep. None of them writes to an account when this returns.
 */
void l1t_split_stop(void)
{
	WRITE_ONCE(splits, false);
	synchronize_rcu();
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
