// SPDX-License-Identifier: GPL-2.0
/*
 * Decides which part the time of an open exit belongs to, by hooks on the rare events
 * within an exit. All of them run on the vCPU's own thread, two of them within the
 * scheduler: no wake-up and no allocation here.
 *
 * These are the most frequently called of all hooked functions, so each has its own
 * ftrace_ops, which calls its callback directly.
 */
#include <asm/irqflags.h>
#include <asm/processor-flags.h>

#include "box.h"
#include "clock.h"
#include "exit.h"
#include "exit_part.h"
#include "find.h"
#include "split.h"
#include "start.h"

/* Context: between l1t_account_write_*(). */
static __always_inline void split_begin_part(struct l1t_account *acct,
					     enum l1t_part part, u64 now)
{
	acct->split.part = part;
	acct->split.since_ticks = now;
	acct->state |= L1T_AT_RARE;
}

static void split_begin(struct l1t_account *acct, enum l1t_part part)
{
	l1t_account_write_begin(acct);
	split_begin_part(acct, part, l1t_ticks());
	l1t_account_write_end(acct);
}

/* Outside an exit there is nothing to split. */
static __always_inline bool split_may_begin(const struct l1t_account *acct)
{
	return acct->open && acct->split.part == L1T_PART_KERNEL;
}

/*
 * The thread is back in KVM_RUN on this CPU. @stayed: it has been on this CPU all
 * the time.
 */
static void split_end(struct l1t_account *acct, bool stayed)
{
	u64 now;

	l1t_account_write_begin(acct);
	now = l1t_ticks();
	l1t_exit_end_part(acct, now);
	if (stayed)
		l1t_exit_take_stolen(acct, now);
	else
		l1t_steal_begin(&acct->stolen, now);
	l1t_account_write_end(acct);
}

/*
 * Functions for the usual case call nothing, so that they need no stack and save no
 * register. They do nothing and return false if anything is unusual. Usual means: the
 * clock is the TSC, no part takes long, and L0 has stolen nothing.
 */

/*
 * The thread enters KVM_RUN and has been on this CPU all the time: only the VMM's part
 * can end, and all of its time is the VMM's.
 */
static __always_inline bool split_end_vmm_usual(struct l1t_account *acct)
{
	u64 now, ticks;

	l1t_account_write_begin(acct);
	now = rdtsc();
	ticks = now - acct->split.since_ticks;
	if (unlikely(!l1t_steal_is_none(&acct->stolen, now)))
		goto unusual;
	/* Also true if the CPUs' clocks differ and the difference is negative. */
	if (unlikely(ticks > l1t_slow_stretch_ticks) &&
	    !l1t_slow_add_first(&acct->slow, acct->since_ticks, L1T_PART_VMM, ticks, 0))
		goto unusual;
	acct->open->parts_ticks[L1T_PART_VMM] += ticks;
	acct->split.in_run = true;
	l1t_exit_back_in_kernel(acct, now, true);
	l1t_account_write_end(acct);
	return true;

unusual:
	l1t_account_write_end(acct);
	return false;
}

/*
 * The thread is scheduled in, in KVM_RUN. Its time off the CPU is of @part, but for the
 * time that it waited for a CPU after it was woken.
 */
static __always_inline bool split_end_off_cpu_usual(struct l1t_account *acct,
						    enum l1t_part part)
{
	u64 now, ticks, waited;

	l1t_account_write_begin(acct);
	if (unlikely(l1t_away_was_shown(&acct->split.away, acct->split.since_ticks)))
		goto unusual;
	waited = l1t_away_waited_ns(&acct->split.away);
	/* More than some seconds; also, that product does not overflow. */
	if (unlikely(waited > U32_MAX))
		goto unusual;
	waited = l1t_ns_to_ticks(waited);
	now = rdtsc();
	ticks = now - acct->split.since_ticks;
	if (unlikely(ticks < waited))
		waited = ticks;
	ticks -= waited;
	/* Also true if the CPUs' clocks differ and the difference is negative. */
	if (unlikely(ticks > l1t_slow_stretch_ticks || waited > l1t_slow_stretch_ticks) &&
	    !l1t_slow_add_first(&acct->slow, acct->since_ticks, part, ticks, waited))
		goto unusual;
	acct->open->parts_ticks[part] += ticks;
	acct->open->parts_ticks[L1T_PART_RUNQ] += waited;
	l1t_exit_back_in_kernel(acct, now, true);
	l1t_steal_begin(&acct->stolen, now);
	l1t_account_write_end(acct);
	return true;

unusual:
	l1t_account_write_end(acct);
	return false;
}

/* @part begins, in KVM_RUN or outside it. */
static __always_inline bool split_begin_usual(struct l1t_account *acct,
					      enum l1t_part part, bool in_run)
{
	u64 now;

	l1t_account_write_begin(acct);
	now = rdtsc();
	if (unlikely(!l1t_steal_is_none(&acct->stolen, now))) {
		l1t_account_write_end(acct);
		return false;
	}
	if (in_run) {
		l1t_steal_end(&acct->stolen);
		l1t_away_note_sleep(&acct->split.away);
	} else {
		acct->split.in_run = false;
	}
	split_begin_part(acct, part, now);
	l1t_account_write_end(acct);
	return true;
}

/*
 * An exit of L2 is being handled and a part is in progress: the usual state when a thread
 * enters KVM_RUN or is scheduled in. An exit of L3, for example, is unusual.
 */
static __always_inline bool split_goes_on(const struct l1t_account *acct,
					  const struct kvm_vcpu *vcpu)
{
	return l1t_account_is_at(acct, vcpu, L1T_AT_RARE) && l1t_clock_is_tsc();
}

/* The thread lost its CPU outside KVM_RUN, but only for some of the time. */
static void split_take_stolen_away(struct l1t_account *acct)
{
	u64 off_cpu_ns = l1t_away_off_cpu_ns(&acct->split.away);

	if (!l1t_steal_is_followed() || acct->split.in_run ||
	    off_cpu_ns == L1T_AWAY_UNKNOWN)
		return;
	l1t_account_write_begin(acct);
	l1t_exit_count_stolen(acct, off_cpu_ns);
	l1t_account_write_end(acct);
}

static bool (*unknown_runs)(struct kvm_vcpu *vcpu);

static noinline notrace __cold void split_run_unusual(struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);
	bool stayed;

	if (!acct) {
		unknown_runs(vcpu);
		return;
	}
	if (unlikely(acct->start))
		l1t_start_run(acct->start);
	stayed = l1t_away_was_on_cpu(&acct->split.away);
	if (!stayed)
		split_take_stolen_away(acct);
	split_end(acct, stayed);
	l1t_account_write_begin(acct);
	l1t_away_take(&acct->split.away);
	acct->split.in_run = true;
	l1t_account_write_end(acct);
}

/* If the vCPU has an account, this CPU remembers it by now. */
static noinline notrace void split_run_paced(const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = this_cpu_read(l1t_last_account);

	if (l1t_account_is_of(acct, vcpu) && READ_ONCE(acct->lease) < 0)
		l1t_work_queue_within_ioctl(&acct->pace);
}

/* kvm_arch_vcpu_ioctl_run(vcpu): a thread enters KVM_RUN, the vCPU is not loaded yet */
static void notrace split_run_entered(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops,
				      struct l1t_ftrace_regs *fregs)
{
	struct kvm_vcpu *vcpu = l1t_argument(l1t_ftrace_pt_regs(fregs), 0);
	struct l1t_account *acct;

	preempt_disable_notrace();
	acct = this_cpu_read(l1t_last_account);
	if (unlikely(!split_goes_on(acct, vcpu)))
		goto unusual;
	if (unlikely(!l1t_away_was_on_cpu(&acct->split.away)))
		goto unusual;
	if (unlikely(!split_end_vmm_usual(acct)))
		goto unusual;
done:
	if (static_branch_unlikely(&l1t_paced))
		split_run_paced(vcpu);
	preempt_enable_notrace();
	return;

unusual:
	split_run_unusual(vcpu);
	goto done;
}

/* Only KVM's own wait of a halted vCPU uses @vcpu->wait. */
static enum l1t_part split_part_off_cpu(const struct kvm_vcpu *vcpu)
{
	if (READ_ONCE(vcpu->preempted))
		return L1T_PART_RUNQ;
	return rcuwait_active((struct rcuwait *)&vcpu->wait) ?
	       L1T_PART_HALTED : L1T_PART_BLOCKED;
}

/* Xen PV guests, which have a virtual interrupt flag, cannot run KVM. */
static __always_inline bool split_is_in_scheduler(void)
{
	return !(native_save_fl() & X86_EFLAGS_IF);
}

static noinline notrace void split_put_unusual(const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);
	bool leaves_run = !split_is_in_scheduler();
	enum l1t_part part = L1T_PART_VMM;
	u64 now;

	if (!acct || !acct->split.in_run)
		return;
	if (!leaves_run)
		part = split_part_off_cpu(vcpu);
	else if (acct->open && l1t_box_judge(acct, vcpu))
		l1t_box_left_run(acct, vcpu);
	acct->slow.out_cpu = smp_processor_id();
	l1t_account_write_begin(acct);
	if (leaves_run && !l1t_away_is_noted(&acct->split.away))
		l1t_away_note(&acct->split.away);
	now = l1t_ticks();
	l1t_exit_take_stolen(acct, now);
	if (leaves_run) {
		acct->split.in_run = false;
	} else {
		acct->stolen.cpu = -1;
		l1t_away_note_sleep(&acct->split.away);
	}
	if (split_may_begin(acct))
		split_begin_part(acct, part, now);
	l1t_account_write_end(acct);
}

/* The scheduler takes the thread off its CPU while KVM handles an exit. */
static noinline notrace void split_sched_out(struct l1t_account *acct,
					     const struct kvm_vcpu *vcpu)
{
	enum l1t_part part = split_part_off_cpu(vcpu);

	if (part == L1T_PART_RUNQ)
		acct->slow.out_cpu = smp_processor_id();
	if (!split_begin_usual(acct, part, true))
		split_put_unusual(vcpu);
}

/*
 * kvm_arch_vcpu_put(vcpu): KVM unloads a vCPU from its CPU. In the scheduler,
 * interrupts are disabled, and KVM has just set @vcpu->preempted. Elsewhere they are
 * enabled: an ioctl returns, and if it is KVM_RUN the VMM runs next. Preemption is
 * disabled in both cases.
 *
 * If KVM handles an exit and no part is in progress, the ioctl is KVM_RUN.
 */
static void notrace split_vcpu_put(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops,
				   struct l1t_ftrace_regs *fregs)
{
	struct kvm_vcpu *vcpu = l1t_argument(l1t_ftrace_pt_regs(fregs), 0);
	struct l1t_account *acct = this_cpu_read(l1t_last_account);

	if (unlikely(!l1t_account_is_at(acct, vcpu, 0)))
		split_put_unusual(vcpu);
	else if (unlikely(split_is_in_scheduler()))
		split_sched_out(acct, vcpu);
	else if (unlikely(!l1t_box_is_no_end(acct, vcpu) ||
			  !l1t_away_is_noted(&acct->split.away) ||
			  !split_begin_usual(acct, L1T_PART_VMM, false)))
		split_put_unusual(vcpu);
	/* The next thread may be waiting already, and begins anew. */
	if (static_branch_unlikely(&l1t_work_leaves) && !split_is_in_scheduler())
		l1t_work_leave();
}

/* The thread has only been woken, and may go back to sleep. */
static void split_is_back_throttled(struct l1t_account *acct)
{
	l1t_account_write_begin(acct);
	l1t_steal_begin(&acct->stolen, l1t_ticks());
	l1t_account_write_end(acct);
}

static noinline notrace void split_sched_in_unusual(const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_find(vcpu);

	if (!acct || !acct->split.in_run)
		return;
	if (acct->split.part == L1T_PART_THROTTLED)
		split_is_back_throttled(acct);
	else
		split_end(acct, false);
}

/* kvm_sched_in(notifier, cpu): a vCPU's thread is scheduled in; preemption is disabled */
static void notrace split_sched_in(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops,
				   struct l1t_ftrace_regs *fregs)
{
	struct preempt_notifier *pn = l1t_argument(l1t_ftrace_pt_regs(fregs), 0);
	struct kvm_vcpu *vcpu = container_of(pn, struct kvm_vcpu, preempt_notifier);
	struct l1t_account *acct = this_cpu_read(l1t_last_account);

	if (unlikely(!split_goes_on(acct, vcpu) || !acct->split.in_run ||
		     acct->split.part == L1T_PART_THROTTLED ||
		     !split_end_off_cpu_usual(acct, acct->split.part)))
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

/* With only some of them an exit's time would be split wrongly: all or none. */
struct l1t_functions l1t_split_functions[L1T_SPLIT_FUNCTIONS] = {
	L1T_DIRECT_OBSERVER(put_function, split_vcpu_put),
	L1T_DIRECT_OBSERVER(run_function, split_run_entered),
	L1T_DIRECT_OBSERVER(sched_in_function, split_sched_in),
};

/**
 * l1t_split_init() - set what is called for vCPUs without an account
 * @unknown: called when a thread enters KVM_RUN with such a vCPU; the result is not used
 *
 * Call before the hooks are attached.
 */
void l1t_split_init(bool (*unknown)(struct kvm_vcpu *vcpu))
{
	unknown_runs = unknown;
}

/**
 * l1t_split_throttle() - a limit of ours makes a vCPU sleep, or stops doing so
 * @acct: of the vCPU with which the current thread is in KVM_RUN
 * @on: it begins
 *
 * The time counts as throttled whatever else happens meanwhile.
 *
 * Context: preemption disabled.
 */
void l1t_split_throttle(struct l1t_account *acct, bool on)
{
	split_end(acct, true);
	if (on && split_may_begin(acct))
		split_begin(acct, L1T_PART_THROTTLED);
}
