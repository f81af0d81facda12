// SPDX-License-Identifier: GPL-2.0
/*
 * The rare events of an exit, and the hooks that see them. All of them run on
 * the vCPU's own thread, two in the midst of the scheduler: no lock, no wake-up,
 * no allocation here.
 *
 * These are the functions of KVM that are called most often of all that are
 * hooked. So each has an ftrace_ops of its own, which calls its callback at once.
 */
#include "clock.h"
#include "exit.h"
#include "hook.h"
#include "split.h"
#include "throttle.h"

/* @is_tsc: the clock is known to be that, and another need not be asked */
static __always_inline void split_begin(struct l1t_account *acct,
					enum l1t_part part, bool is_tsc)
{
	l1t_account_write_begin(acct);
	acct->split.since_ticks = is_tsc ? rdtsc() : l1t_ticks();
	acct->split.part = part;
	acct->state |= L1T_AT_RARE;
	l1t_account_write_end(acct);
}

/* Outside an exit there is nothing to split. */
static __always_inline bool split_may_begin(const struct l1t_account *acct)
{
	return acct->open && acct->split.part == L1T_PART_KERNEL;
}

static __always_inline void split_end(struct l1t_account *acct, u64 now,
				      bool is_tsc)
{
	struct l1t_split *split = &acct->split;

	/* As l1t_ticks_since() has it. */
	if (likely(now >= split->since_ticks))
		acct->open->parts_ticks[split->part] += now - split->since_ticks;
	split->kernel_since_ticks = now;
	split->part = L1T_PART_KERNEL;
	if (is_tsc || l1t_clock_is_tsc())
		acct->state &= ~(unsigned long)L1T_AT_RARE;
}

/**
 * l1t_split_end() - the part that goes on ends, if one does
 * @acct: of whose open exit it is a part; being written
 * @now: in ticks
 */
void l1t_split_end(struct l1t_account *acct, u64 now)
{
	if (acct->split.part != L1T_PART_KERNEL)
		split_end(acct, now, false);
}

static __always_inline void split_end_now(struct l1t_account *acct, bool is_tsc)
{
	l1t_account_write_begin(acct);
	split_end(acct, is_tsc ? rdtsc() : l1t_ticks(), is_tsc);
	l1t_account_write_end(acct);
}

/*
 * Handling an exit of L2 of which a part goes on: what KVM_RUN and the scheduler
 * nearly always come back to. In L3, say, it is unusual.
 */
static __always_inline bool split_goes_on(const struct l1t_account *acct,
					  const struct kvm_vcpu *vcpu)
{
	return l1t_account_is_at(acct, vcpu, L1T_AT_RARE) && l1t_clock_is_tsc();
}

static noinline notrace void split_run_unusual(const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);

	if (!acct)
		return;
	WRITE_ONCE(acct->split.runner, current);
	if (acct->split.part != L1T_PART_KERNEL)
		split_end_now(acct, false);
}

/* If its vCPU is known, that is what this CPU remembers by now. */
static noinline notrace void split_run_paced(void)
{
	struct l1t_account *acct = this_cpu_read(l1t_last_account);

	if (READ_ONCE(acct->split.runner) == current &&
	    READ_ONCE(acct->lease) < 0)
		l1t_pace_exit(acct);
}

/* kvm_arch_vcpu_ioctl_run(vcpu): a thread enters KVM_RUN; not loaded yet */
static void notrace split_run_entered(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops,
				      struct l1t_ftrace_regs *fregs)
{
	struct kvm_vcpu *vcpu = l1t_argument(l1t_ftrace_pt_regs(fregs), 0);
	struct l1t_account *acct;

	preempt_disable_notrace();
	acct = this_cpu_read(l1t_last_account);
	if (likely(split_goes_on(acct, vcpu))) {
		WRITE_ONCE(acct->split.runner, current);
		split_end_now(acct, true);
	} else {
		split_run_unusual(vcpu);
	}
	if (static_branch_unlikely(&l1t_paced))
		split_run_paced();
	preempt_enable_notrace();
}

static noinline notrace void split_put_unusual(const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);
	enum l1t_part part = L1T_PART_USER;

	if (!acct || !acct->split.runner)
		return;
	if (irqs_disabled())
		part = READ_ONCE(vcpu->preempted) ? L1T_PART_RUNQ : L1T_PART_WAIT;
	else
		WRITE_ONCE(acct->split.runner, NULL);
	if (split_may_begin(acct))
		split_begin(acct, part, false);
}

/*
 * kvm_arch_vcpu_put(vcpu): KVM unloads a vCPU from its CPU. The scheduler has
 * interrupts disabled, and KVM has just noted whether the thread could have run
 * on. Elsewhere they are enabled: an ioctl ends, and if that is KVM_RUN it is
 * the VMM's turn. In either case preemption is off.
 *
 * While KVM handles an exit, and no part of that goes on, it is KVM_RUN.
 */
static void notrace split_vcpu_put(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops,
				   struct l1t_ftrace_regs *fregs)
{
	struct kvm_vcpu *vcpu = l1t_argument(l1t_ftrace_pt_regs(fregs), 0);
	struct l1t_account *acct = this_cpu_read(l1t_last_account);

	if (unlikely(!l1t_account_is_at(acct, vcpu, 0) || irqs_disabled())) {
		split_put_unusual(vcpu);
		return;
	}
	WRITE_ONCE(acct->split.runner, NULL);
	split_begin(acct, L1T_PART_USER, true);
}

static noinline notrace void split_sched_in_unusual(const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);

	if (acct && acct->split.runner && acct->split.part != L1T_PART_KERNEL)
		split_end_now(acct, false);
}

/* kvm_sched_in(notifier, cpu): a vCPU's thread is back; preemption is off */
static void notrace split_sched_in(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops,
				   struct l1t_ftrace_regs *fregs)
{
	struct preempt_notifier *pn = l1t_argument(l1t_ftrace_pt_regs(fregs), 0);
	struct kvm_vcpu *vcpu = container_of(pn, struct kvm_vcpu, preempt_notifier);
	struct l1t_account *acct = this_cpu_read(l1t_last_account);

	if (likely(split_goes_on(acct, vcpu) && acct->split.runner))
		split_end_now(acct, true);
	else
		split_sched_in_unusual(vcpu);
}

static struct l1t_function run_function[] = {
	{ L1T_HOOK_RUN, "kvm_arch_vcpu_ioctl_run" },
};

static struct l1t_function put_function[] = {
	{ L1T_HOOK_PUT, "kvm_arch_vcpu_put" },
};

static struct l1t_function sched_in_function[] = {
	{ L1T_HOOK_SCHED_IN, "kvm_sched_in" },
};

static struct l1t_functions hooks[] = {
	L1T_DIRECT_OBSERVER(put_function, split_vcpu_put),
	L1T_DIRECT_OBSERVER(run_function, split_run_entered),
	L1T_DIRECT_OBSERVER(sched_in_function, split_sched_in),
};

/**
 * l1t_split_attach() - hook what splits an exit's time
 * @module: where the functions are; NULL for the kernel itself
 *
 * Half of them would split it wrongly, so without one there is none.
 */
void l1t_split_attach(const char *module)
{
	size_t i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(hooks) && !err; i++)
		err = l1t_functions_find(&hooks[i], module);
	for (i = 0; i < ARRAY_SIZE(hooks) && !err; i++)
		err = l1t_functions_register(&hooks[i], false);
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		if (err)
			l1t_functions_release(&hooks[i]);
		l1t_hook_result(hooks[i].list->hook, err);
	}
}

/**
 * l1t_split_detach() - let go of them
 *
 * Context: may sleep. None of them runs when this returns.
 */
void l1t_split_detach(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		l1t_functions_release(&hooks[i]);
		l1t_hook_gone(hooks[i].list->hook);
	}
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
	if (acct->split.part != L1T_PART_KERNEL)
		split_end_now(acct, false);
	if (on && split_may_begin(acct))
		split_begin(acct, L1T_PART_THROTTLED, false);
}
