/* SPDX-License-Identifier: GPL-2.0 */
/* The hot path: what one exit and one entry of a vCPU write. */
#ifndef L1TUNE_EXIT_H
#define L1TUNE_EXIT_H

#include <linux/jump_label.h>
#include <linux/kvm_host.h>
#include <linux/percpu.h>

#include "account.h"
#include "clock.h"
#include "lock.h"

/*
 * The probes; attach.c registers them. A kernel with CFI checks their types as
 * soon as a tracepoint has a second probe, so there they have to be the
 * tracepoints' own. That of kvm_entry got a second argument in 6.9, and in
 * some older kernels by a backport.
 */
#if defined(CONFIG_CFI) || defined(CONFIG_CFI_CLANG)
#define L1T_PROBES_TYPED
#ifdef L1T_SINCE_6_9
#define L1T_PROBES_FIT	true
#else
#define L1T_PROBES_FIT	false
#endif

void l1t_probe_exit(void *data, struct kvm_vcpu *vcpu, u32 isa);
void l1t_probe_entry(void *data, struct kvm_vcpu *vcpu,
		     bool force_immediate_exit);
#else
#define L1T_PROBES_FIT	true

void l1t_probe_exit(void *data, unsigned long a1, unsigned long a2,
		    unsigned long a3);
void l1t_probe_entry(void *data, struct kvm_vcpu *vcpu);
#endif

void l1t_exit_init(void);
void l1t_exit_pace_needed(bool needed);
void l1t_exit_watch(struct l1t_account *acct, const struct kvm_vcpu *vcpu);
void l1t_exit_forget(struct l1t_account *acct);
struct l1t_account *l1t_account_get(const struct kvm_vcpu *vcpu);
struct l1t_account *l1t_account_here(void);
struct l1t_account *l1t_account_look_up(const struct kvm_vcpu *vcpu);
void l1t_account_close(struct l1t_account *acct);
u64 l1t_exit_unattributed(void);

DECLARE_PER_CPU(struct l1t_account *, l1t_last_account);

static __always_inline bool l1t_account_is_of(const struct l1t_account *acct,
					      const struct kvm_vcpu *vcpu)
{
	/*
	 * If it is another vCPU's account, the CPU that runs that may be writing
	 * it: the answer is no all the same. READ_ONCE() would be an instruction
	 * more.
	 */
	return likely((data_race(acct->state) ^ (unsigned long)vcpu) <= L1T_AT_MASK);
}

/* @at: L1T_AT_*, all that the vCPU is at */
static __always_inline bool l1t_account_is_at(const struct l1t_account *acct,
					      const struct kvm_vcpu *vcpu,
					      unsigned long at)
{
	/* Likewise. */
	return likely(data_race(acct->state) == (unsigned long)vcpu + at);
}

/* @last: the account that this CPU remembers */
static __always_inline struct l1t_account *
l1t_account_of(struct l1t_account *last, const struct kvm_vcpu *vcpu)
{
	return l1t_account_is_of(last, vcpu) ? last : l1t_account_look_up(vcpu);
}

/*
 * The account of a vCPU that is loaded, or about to be, by this thread, or
 * NULL. Context: preemption off.
 */
static __always_inline struct l1t_account *
l1t_account_find(const struct kvm_vcpu *vcpu)
{
	return l1t_account_of(this_cpu_read(l1t_last_account), vcpu);
}

/*
 * It is KVM's turn again. Context: between l1t_account_write_*().
 * @is_tsc: the clock is known to be that, and another need not be asked
 */
static __always_inline void l1t_exit_back_in_kernel(struct l1t_account *acct,
						    u64 now, bool is_tsc)
{
	acct->split.kernel_since_ticks = now;
	acct->split.part = L1T_PART_KERNEL;
	if (is_tsc || l1t_clock_is_tsc())
		acct->state &= ~(unsigned long)L1T_AT_RARE;
}

/* A part of the open exit ends, and all of it was that. Likewise. */
static __always_inline void l1t_exit_end_whole_part(struct l1t_account *acct,
						    u64 now, bool is_tsc)
{
	const struct l1t_split *split = &acct->split;

	/* As l1t_ticks_since() has it. */
	if (likely(now >= split->since_ticks))
		acct->open->parts_ticks[split->part] += now - split->since_ticks;
	l1t_exit_back_in_kernel(acct, now, is_tsc);
}

void l1t_exit_end_part(struct l1t_account *acct, u64 now);
void l1t_exit_count_stolen(struct l1t_account *acct);

/*
 * The vCPU's thread is where it was when the steal clock was last read: what L0
 * has taken since is the vCPU's. Context: between l1t_account_write_*().
 */
static __always_inline void l1t_exit_take_stolen(struct l1t_account *acct,
						 u64 now)
{
	if (!l1t_steal_is_followed())
		return;
	if (unlikely(l1t_steal_clock_ns() != acct->stolen.mark_ns))
		l1t_exit_count_stolen(acct);
	acct->stolen.mark_ticks = now;
}

/* Called before an entry into L3 that no exit of L3 went before; or NULL. */
extern void (*l1t_exit_l3_entered)(struct l1t_account *acct);

/* On while anything is paced, see l1t_exit_pace_needed(). */
DECLARE_STATIC_KEY_FALSE(l1t_paced);

/*
 * Where KVM keeps the reason of the last exit. 0: not known, and reasons are
 * counted as UNKNOWN.
 */
extern u32 l1t_vmx_reason_offset;
extern bool l1t_svm_reason_known;

#endif
