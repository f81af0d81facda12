// SPDX-License-Identifier: GPL-2.0
/*
 * The hot path: one exit and one entry. If KVM handles the exit itself and the
 * exit's cell exists, nothing in this file may exit to L0, take a lock, allocate,
 * print, or do an atomic read-modify-write.
 *
 * Nearly all exits are alike: from the vCPU that ran last on this CPU, for a
 * reason it has had before, and handled by KVM at once. For these the two probes
 * are straight code that calls nothing, so the compiler needs no stack and saves
 * no register. Any other exit or entry takes exit_unusual() or entry_unusual(),
 * which handle all cases.
 *
 * Both probes run on the vCPU's own CPU with preemption disabled, so they never
 * run concurrently for one vCPU, nor nest on one CPU.
 */
#include <linux/percpu.h>
#include <asm/svm.h>

#include "box.h"
#include "clock.h"
#include "exit.h"
#include "exit_part.h"
#include "find.h"
#include "hook.h"
#include "start.h"

u32 l1t_vmx_reason_offset __read_mostly;
bool l1t_svm_reason_known __read_mostly;

DEFINE_STATIC_KEY_FALSE(l1t_paced);

void (*l1t_exit_l3_entered)(struct l1t_account *acct) __read_mostly;

static DEFINE_PER_CPU(u64, unattributed);

/**
 * l1t_exit_unknown_leaves() - make a vCPU without an account leave KVM_RUN if exits are paced
 *
 * Before KVM enters the guest it looks for a signal. It finds one, returns -EINTR, and the
 * VMM enters KVM_RUN again, where a vCPU that cannot be paced is refused.
 *
 * Context: any, on the thread of the vCPU.
 */
void l1t_exit_unknown_leaves(void)
{
	if (static_branch_unlikely(&l1t_paced) && READ_ONCE(l1t_registry_open) &&
	    l1t_hook_state(L1T_HOOK_REFUSE_RUN) == L1T_HOOK_OK)
		set_thread_flag(TIF_SIGPENDING);
}

/**
 * l1t_exit_pace_needed() - start or stop taking tokens at exits
 * @needed: true to start
 *
 * Context: may sleep; one caller at a time. An exit in progress may still see the old
 * setting.
 */
void l1t_exit_pace_needed(bool needed)
{
	if (needed == static_key_enabled(&l1t_paced))
		return;
	l1t_work_leave_needed(needed);
	if (needed)
		static_branch_enable(&l1t_paced);
	else
		static_branch_disable(&l1t_paced);
}

static __always_inline enum l1t_level level_of(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.hflags & HF_GUEST_MASK ? L1T_LEVEL3 : L1T_LEVEL2;
}

/* Where KVM keeps the reason of an exit from the vCPU's current level, or NULL. */
static const u32 *reason_place(const struct kvm_vcpu *vcpu)
{
	if (l1t_isa() == L1T_ISA_VMX && l1t_vmx_reason_offset)
		return (const void *)vcpu + l1t_vmx_reason_offset;
	if (l1t_isa() == L1T_ISA_SVM && l1t_svm_reason_known)
		return (const u32 *)&l1t_vmcb_of(vcpu)->control.exit_code;
	return NULL;
}

/**
 * l1t_exit_unattributed() - number of exits of vCPUs that have no account
 *
 * Return: the number since load.
 */
u64 l1t_exit_unattributed(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(unattributed, cpu));
	return sum;
}

/*
 * Bits of the state that do not depend on the level. Without a TSC every exit and
 * entry is marked rare, because only the unusual path reads the other clock.
 */
static __always_inline unsigned long at_clock(void)
{
	return l1t_clock_is_tsc() ? 0 : L1T_AT_RARE;
}

static __always_inline unsigned long at_level(enum l1t_level level)
{
	return level == L1T_LEVEL3 ? L1T_AT_L3 : 0;
}

/* Exits of L3 are unusual, too, while it is not known where their reason is. */
static unsigned long at_guest(const struct l1t_account *acct,
			      enum l1t_level level)
{
	unsigned long at = L1T_AT_GUEST + at_level(level);

	if (level == L1T_LEVEL3 && acct->reason == &l1t_no_reason)
		return at | L1T_AT_RARE;
	return at | at_clock();
}

static noinline void take_token(struct l1t_account *acct,
				const struct l1t_cell *cell)
{
	/* May lose a concurrent write of throttle.c, which checks again. */
	s64 lease = data_race(acct->lease -= cell->token);

	if (unlikely(lease < 0))
		l1t_work_queue_within_ioctl(&acct->pace);
}

/*
 * The guest was left: its time ends and the exit's begins. @open is written
 * before the clock is read, because L0 may preempt this CPU in between: a reader
 * then waits, and does not count that time as the guest's.
 *
 * @at: L1T_AT_* of the exit
 */
static __always_inline void usual_exit(struct l1t_account *acct,
				       const struct kvm_vcpu *vcpu,
				       struct l1t_cell *cell, unsigned long at)
{
	kcsan_nestable_atomic_begin();
	WRITE_ONCE(acct->open, cell);
	smp_wmb(); /* @open first: pairs with l1t_account_read_begin() and is_still() */
	WRITE_ONCE(acct->since_ticks, rdtsc());
	smp_wmb(); /* @state last: likewise */
	WRITE_ONCE(acct->state, (unsigned long)vcpu + at);
	kcsan_nestable_atomic_end();

	if (static_branch_unlikely(&l1t_paced))
		take_token(acct, cell);
}

/* The counterpart of usual_exit(). Returns false, with nothing changed, if there is more to do. */
static __always_inline bool usual_entry(struct l1t_account *acct)
{
	struct l1t_cell *cell = acct->open;
	u64 now, ticks;

	kcsan_nestable_atomic_begin();
	WRITE_ONCE(acct->open, NULL);
	smp_wmb(); /* @open first, as in usual_exit() */
	now = rdtsc();
	ticks = now - acct->since_ticks;
	/* Also true if the CPUs' clocks differ and the difference is negative. */
	if (unlikely(ticks > cell->plain_ticks)) {
		WRITE_ONCE(acct->open, cell);
		kcsan_nestable_atomic_end();
		return false;
	}
	acct->guest_from_ticks += ticks;
	cell->time_ticks += ticks;
	WRITE_ONCE(acct->since_ticks, now);
	l1t_ring_add(acct, cell, now, ticks);
	/* Lets the product reuse the register of @ticks. */
	barrier();
	cell->hist[l1t_hist_plain_bucket(ticks)]++;
	smp_wmb(); /* @state last, likewise */
	/* Only this CPU writes it, and this is one instruction less than WRITE_ONCE(). */
	acct->state += L1T_AT_GUEST;
	kcsan_nestable_atomic_end();
	return true;
}

/* Records the open exit, which is not in the ring yet, and those before it. */
static noinline void end_slow_exit(struct l1t_account *acct, u64 now)
{
	struct l1t_slow_before before[L1T_SLOW_BEFORE] = {};
	unsigned int i, place = acct->ring_place / L1T_RING_STEP;
	const struct l1t_ring_exit *e;

	for (i = 0; i < L1T_SLOW_BEFORE; i++) {
		e = &acct->ring[(place - 1 - i) % L1T_RING_EXITS];
		if (!e->cell)
			break;
		before[i] = (struct l1t_slow_before){
			.ns = min_t(u64, l1t_ticks_to_ns(e->ticks), U32_MAX),
			.key = e->cell->key,
			.known = true,
		};
	}
	l1t_slow_end(&acct->slow, acct->since_ticks, now, acct->open->key, before);
}

static void count_in_bucket(struct l1t_cell *cell, unsigned int bucket)
{
	if (bucket < L1T_HIST_SHORT)
		cell->hist[bucket]++;
	else
		cell->hist_long[bucket - L1T_HIST_SHORT]++;
}

/* The open exit took @ticks and has ended. Between l1t_account_write_*(). */
static __always_inline void count_long(struct l1t_account *acct,
				       struct l1t_cell *cell, u64 now, u64 ticks)
{
	cell->time_ticks += ticks;
	if (ticks > cell->max_ticks) {
		cell->max_ticks = ticks;
		cell->plain_ticks = min(ticks, l1t_hist_plain_ticks);
	}
	count_in_bucket(cell, l1t_hist_bucket(ticks));
	acct->guest_from_ticks += ticks;
	l1t_ring_add(acct, cell, now, ticks);
	WRITE_ONCE(acct->open, NULL);
}

/* The open exit ends, because the guest is entered or the vCPU destroyed. */
static void end_exit(struct l1t_account *acct, u64 now)
{
	u64 ticks = l1t_ticks_since(acct->since_ticks, now);

	l1t_exit_end_part(acct, now);
	if (unlikely(ticks > READ_ONCE(l1t_slow_ticks)) &&
	    l1t_slow_is(&acct->slow, acct->since_ticks, ticks))
		end_slow_exit(acct, now);
	count_long(acct, acct->open, now, ticks);
}

/* @level: which is entered */
static void count_l3(struct l1t_account *acct, const struct kvm_vcpu *vcpu,
		     enum l1t_level level, u64 now)
{
	bool is_from_l3 = acct->state & L1T_AT_L3;

	if (is_from_l3 && level == L1T_LEVEL3) {
		acct->l3_exits_handled++;
	} else if (is_from_l3) {
		acct->l3_exits_left++;
		if (acct->l3)
			l1t_l3_reflected(acct->l3, vcpu, acct->open->key,
					 acct->since_ticks);
	} else if (level == L1T_LEVEL3) {
		acct->l3_entries++;
		if (acct->l3)
			l1t_l3_entered(acct->l3, vcpu, now);
		else
			l1t_account_ask_for_more(acct);
	}
}

/* Any entry, usual or not. Between l1t_account_write_*(). */
static void any_entry(struct l1t_account *acct, const struct kvm_vcpu *vcpu,
		      enum l1t_level level, u64 now)
{
	if (acct->open) {
		l1t_exit_take_stolen(acct, now);
		count_l3(acct, vcpu, level, now);
		end_exit(acct, now);
		if (unlikely(l1t_slow_lacks_memory(&acct->slow)))
			l1t_account_ask_for_more(acct);
	} else if (acct->since_ticks) {
		/*
		 * Entered again without an exit in between. If the vCPU is older than
		 * the module, its exit may have come before the probe was attached.
		 */
		if (acct->kvm_exits_base != L1T_BASE_UNKNOWN)
			acct->unpaired_entries++;
	} else {
		acct->guest_from_ticks = now;
	}
	WRITE_ONCE(acct->since_ticks, now);
	WRITE_ONCE(acct->state, (unsigned long)vcpu + at_guest(acct, level));
}

/* @slot: of the exit, which is from @level */
static void any_exit(struct l1t_account *acct, const struct kvm_vcpu *vcpu,
		     enum l1t_level level, unsigned int slot)
{
	struct l1t_cell *cell;
	u64 now;

	l1t_account_write_begin(acct);
	now = l1t_ticks();
	cell = acct->cells[level][slot];
	if (!cell)
		cell = l1t_account_new_cell(acct, vcpu, level, slot);
	/*
	 * 5.10 can re-enter a guest without its kvm_entry tracepoint. Time before
	 * the first entry seen is not counted.
	 */
	if (acct->open || !acct->since_ticks)
		any_entry(acct, vcpu, level, now);
	WRITE_ONCE(acct->open, cell);
	WRITE_ONCE(acct->since_ticks, now);
	WRITE_ONCE(acct->state, (unsigned long)vcpu + at_level(level) + at_clock());
	if (unlikely(acct->start) && level == L1T_LEVEL2)
		l1t_start_exit(acct, vcpu, slot);
	l1t_account_write_end(acct);

	if (static_branch_unlikely(&l1t_paced))
		take_token(acct, cell);
}

/* Up to 5.15 the tracepoint passes the reason, and its second argument is the vCPU. */
static __always_inline bool event_has_reason(unsigned long a2)
{
	return a2 > L1T_ISA_SVM;
}

/* Used as the place of a reason that the tracepoint passes; never read. */
static const u32 reason_of_event;

/*
 * Takes the probe's arguments, so that they stay in their registers. The first, which
 * is not used, is replaced by the account that this CPU remembers.
 */
static noinline void
exit_unusual(struct l1t_account *last, unsigned long a1, unsigned long a2,
	     unsigned long a3)
{
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)(event_has_reason(a2) ? a2 : a1);
	struct l1t_account *acct = l1t_account_of(last, vcpu);
	unsigned int slot = L1T_SLOT_UNKNOWN;
	const u32 *place = NULL;
	enum l1t_level level;

	if (unlikely(!acct)) {
		this_cpu_inc(unattributed);
		l1t_exit_unknown_leaves();
		return;
	}

	level = level_of(vcpu);
	if (event_has_reason(a2)) {
		place = &reason_of_event;
		slot = l1t_slot(a3, a1);
	} else {
		place = reason_place(vcpu);
		if (place)
			slot = l1t_slot(a2, *place);
	}
	/*
	 * On SVM each level has its own VMCB, and L3's may be replaced. The account
	 * has the address in L2's, which stays. It is learnt only at an exit: KVM may
	 * be preempted between switching the VMCB and changing the level.
	 */
	if (place && level == L1T_LEVEL2)
		acct->reason = place;
	any_exit(acct, vcpu, level, slot);
	if (l1t_slot_loses_state(l1t_isa(), slot))
		l1t_box_save_state(acct, vcpu);
}

/* The cell of a usual exit; NULL if anything is unusual, as for OTHER. */
static __always_inline struct l1t_cell *
usual_cell(const struct l1t_account *acct, enum l1t_level level, u32 reason)
{
	return acct->cells[level][l1t_slot_usual(reason)];
}

/* An exit whose reason the tracepoint passes. Straight code as well. */
static noinline notrace void
exit_with_reason(struct l1t_account *acct, unsigned long reason, unsigned long a2,
		 unsigned long isa)
{
	const struct kvm_vcpu *vcpu = (const struct kvm_vcpu *)a2;
	enum l1t_level level = L1T_LEVEL2;
	struct l1t_cell *cell;

	if (unlikely(!l1t_account_is_at(acct, vcpu, L1T_AT_GUEST))) {
		level = L1T_LEVEL3;
		if (!l1t_account_is_at(acct, vcpu, L1T_AT_GUEST + L1T_AT_L3))
			goto unusual;
	}
	cell = usual_cell(acct, level, reason);
	if (unlikely(!cell))
		goto unusual;

	usual_exit(acct, vcpu, cell, at_level(level));
	return;

unusual:
	exit_unusual(acct, reason, a2, isa);
}

/* From L3, or unusual. Straight code as well: an L3 may exit as often as an L2. */
static noinline notrace void
exit_not_of_l2(struct l1t_account *acct, unsigned long a1, unsigned long a2,
	       unsigned long a3)
{
	const struct kvm_vcpu *vcpu = (const struct kvm_vcpu *)a1;
	struct l1t_cell *cell;
	u32 reason;

	if (unlikely(!l1t_account_is_at(acct, vcpu, L1T_AT_GUEST + L1T_AT_L3)))
		goto unusual;
	/* SVM has more to do elsewhere, so VMX takes the jump. */
	if (likely(a2 == L1T_ISA_SVM))
		reason = l1t_vmcb_of(vcpu)->control.exit_code;
	else
		reason = *acct->reason;
	cell = usual_cell(acct, L1T_LEVEL3, reason);
	if (unlikely(!cell))
		goto unusual;

	usual_exit(acct, vcpu, cell, L1T_AT_L3);
	return;

unusual:
	if (event_has_reason(a2))
		exit_with_reason(acct, a1, a2, a3);
	else
		exit_unusual(acct, a1, a2, a3);
}

static __always_inline void probe_exit(unsigned long a1, unsigned long a2,
				       unsigned long a3)
{
	struct l1t_account *acct = this_cpu_read(l1t_last_account);
	const struct kvm_vcpu *vcpu = (const struct kvm_vcpu *)a1;
	struct l1t_cell *cell;

	/* The guest exits at the level at which it was entered. */
	if (unlikely(!l1t_account_is_at(acct, vcpu, L1T_AT_GUEST)))
		goto unusual;
	cell = usual_cell(acct, L1T_LEVEL2, *acct->reason);
	if (unlikely(!cell))
		goto unusual;

	usual_exit(acct, vcpu, cell, 0);
	return;

unusual:
	exit_not_of_l2(acct, a1, a2, a3);
}

static noinline void
entry_unusual(struct l1t_account *last, const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = l1t_account_of(last, vcpu);
	void (*l3_entered)(struct l1t_account *acct);
	enum l1t_level level;
	struct l1t_cell *cell;
	u64 now;

	if (!acct)
		return;
	level = level_of(vcpu);
	if (level == L1T_LEVEL3 && !(acct->state & L1T_AT_L3)) {
		l3_entered = READ_ONCE(l1t_exit_l3_entered);
		if (l3_entered)
			l3_entered(acct);
	}
	l1t_account_write_begin(acct);
	now = l1t_ticks();
	cell = acct->open;
	if (unlikely(acct->start))
		l1t_start_look_for_port(acct, vcpu);
	any_entry(acct, vcpu, level, now);
	if (unlikely(acct->start))
		l1t_start_entry(acct, vcpu, cell, now);
	l1t_account_write_end(acct);
}

/* L3 continues after its own exit, or something is unusual. */
static noinline notrace void
entry_not_of_l2(struct l1t_account *acct, const struct kvm_vcpu *vcpu)
{
	if (likely(l1t_account_is_at(acct, vcpu, L1T_AT_L3) &&
		   level_of(vcpu) == L1T_LEVEL3 &&
		   usual_entry(acct))) {
		/* Only this CPU writes it; this is one instruction. */
		data_race(acct->l3_exits_handled++);
		return;
	}
	entry_unusual(acct, vcpu);
}

/*
 * L2 continues after its own exit, which took longer than any before it for this
 * reason, or long enough for L0 to have stolen time, as most halts do. Straight
 * code as well, unless there is more to count than the time.
 */
static noinline notrace void
entry_after_long(struct l1t_account *acct, const struct kvm_vcpu *vcpu)
{
	struct l1t_cell *cell = acct->open;
	u64 now, ticks;

	if (unlikely(acct->start)) {
		entry_unusual(acct, vcpu);
		return;
	}
	l1t_account_write_begin(acct);
	now = rdtsc();
	ticks = now - acct->since_ticks;
	/* Negative if the CPUs' clocks differ. */
	if (unlikely((s64)ticks < 0 || ticks > l1t_slow_ticks ||
		     !l1t_steal_is_none(&acct->stolen, now))) {
		l1t_account_write_end(acct);
		entry_unusual(acct, vcpu);
		return;
	}
	count_long(acct, cell, now, ticks);
	WRITE_ONCE(acct->since_ticks, now);
	acct->state += L1T_AT_GUEST;
	l1t_account_write_end(acct);
}

static __always_inline void probe_entry(const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = this_cpu_read(l1t_last_account);

	if (unlikely(!l1t_account_is_at(acct, vcpu, 0) ||
		     level_of(vcpu) != L1T_LEVEL2))
		entry_not_of_l2(acct, vcpu);
	else if (unlikely(!usual_entry(acct)))
		entry_after_long(acct, vcpu);
}

#ifdef L1T_PROBES_TYPED

/**
 * l1t_probe_exit() - probe of kvm:kvm_exit, with exactly its prototype
 * @data: not used
 * @vcpu: the vCPU
 * @isa: L1T_ISA_VMX or L1T_ISA_SVM
 */
notrace void l1t_probe_exit(void *data, struct kvm_vcpu *vcpu, u32 isa)
{
	probe_exit((unsigned long)vcpu, isa, 0);
}

/**
 * l1t_probe_entry() - probe of kvm:kvm_entry, with exactly its prototype
 * @data: not used
 * @vcpu: the vCPU about to be entered
 * @force_immediate_exit: not used
 */
notrace void l1t_probe_entry(void *data, struct kvm_vcpu *vcpu,
			     bool force_immediate_exit)
{
	probe_entry(vcpu);
}

#else

/**
 * l1t_probe_exit() - probe of kvm:kvm_exit
 * @data: not used
 * @a1: the vCPU; up to 5.15 the exit reason
 * @a2: L1T_ISA_VMX or L1T_ISA_SVM; up to 5.15 the vCPU
 * @a3: up to 5.15 L1T_ISA_VMX or L1T_ISA_SVM
 *
 * @a2 tells the two prototypes apart, because it is either tiny or a pointer. The
 * kernel's version does not: vendor kernels have either.
 */
notrace void l1t_probe_exit(void *data, unsigned long a1, unsigned long a2,
			    unsigned long a3)
{
	probe_exit(a1, a2, a3);
}

/**
 * l1t_probe_entry() - probe of kvm:kvm_entry
 * @data: not used
 * @vcpu: the vCPU about to be entered
 *
 * Some kernels pass a second argument, which is not used.
 */
notrace void l1t_probe_entry(void *data, struct kvm_vcpu *vcpu)
{
	probe_entry(vcpu);
}

#endif

/**
 * l1t_account_close() - end the exit that no entry will end
 * @acct: of a vCPU that is being destroyed
 *
 * From here on no time is added to the guest's.
 */
void l1t_account_close(struct l1t_account *acct)
{
	u64 now = l1t_ticks();

	l1t_account_write_begin(acct);
	if (acct->open)
		end_exit(acct, now);
	if (acct->since_ticks)
		acct->guest_from_ticks -= now;
	acct->stolen.cpu = -1;
	WRITE_ONCE(acct->since_ticks, 0);
	WRITE_ONCE(acct->state, L1T_AT_GUEST | L1T_AT_RARE);
	l1t_account_write_end(acct);
}
