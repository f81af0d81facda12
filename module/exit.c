// SPDX-License-Identifier: GPL-2.0
/*
 * One exit, one entry. Nothing in here may exit to L0, take a lock, allocate,
 * print, or do an atomic read-modify-write when KVM handles the exit itself
 * and its cell is there already.
 *
 * Nearly all exits are alike: of the vCPU that ran last on this CPU, for a
 * reason that it had before, handled by KVM at once. For these the two probes
 * are straight code that calls nothing, so the compiler needs no stack and
 * saves no register. What differs in anything goes to exit_unusual() or
 * entry_unusual(), which know all cases.
 *
 * Both probes run on the vCPU's own CPU with preemption off, so they never
 * run twice at once for one vCPU, nor on one CPU.
 */
#include <linux/percpu.h>
#include <asm/svm.h>

#include "clock.h"
#include "exit.h"
#include "guest.h"
#include "throttle.h"

/* The reason of nobody's exits. */
const u32 l1t_no_reason = U32_MAX;

u32 l1t_vmx_reason_offset __read_mostly;
bool l1t_svm_reason_known __read_mostly;

/* Told of entries into an L3 that no exit of an L3 went before; NULL: nobody. */
void (*l1t_exit_l3_entered)(struct l1t_account *acct) __read_mostly;

/* The account of no vCPU. */
static struct l1t_account nobody;

/*
 * The vCPU that ran last on this CPU, since it is mostly the one that runs
 * next. It is forgotten when the vCPU dies (l1t_exit_forget()), or a vCPU
 * born at the same address would count for the dead.
 */
static DEFINE_PER_CPU(struct l1t_account *, last_account);
static DEFINE_PER_CPU(u64, unattributed);

/**
 * l1t_exit_init() - get ready for the first exit
 *
 * A module's per-CPU data cannot be initialized with an address.
 */
void l1t_exit_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(last_account, cpu) = &nobody;
}

static __always_inline enum l1t_level level_of(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.hflags & HF_GUEST_MASK ? L1T_LEVEL3 : L1T_LEVEL2;
}

/* Of the level that the vCPU is at. */
static __always_inline const struct vmcb *vmcb_of(const struct kvm_vcpu *vcpu)
{
	return *(struct vmcb *const *)(vcpu + 1);
}

/* Where KVM has the reason of a vCPU's exit from its present level. */
static const u32 *reason_place(const struct kvm_vcpu *vcpu)
{
	if (l1t_isa() == L1T_ISA_VMX && l1t_vmx_reason_offset)
		return (const void *)vcpu + l1t_vmx_reason_offset;
	if (l1t_isa() == L1T_ISA_SVM && l1t_svm_reason_known)
		return (const u32 *)&vmcb_of(vcpu)->control.exit_code;
	return NULL;
}

static void remember(struct l1t_account *acct, const struct kvm_vcpu *vcpu)
{
	WRITE_ONCE(acct->vcpu, vcpu);
	if (!reason_place(vcpu) || !l1t_clock_is_tsc())
		acct->rare |= L1T_RARE_BLIND;
	this_cpu_write(last_account, acct);
}

static noinline struct l1t_account *find_slow(const struct kvm_vcpu *vcpu)
{
	struct l1t_vcpu *v;

	rcu_read_lock();
	v = l1t_vcpu_find(vcpu);
	rcu_read_unlock();
	if (!v)
		return NULL;
	/*
	 * v outlives the read section: it is freed after its vCPU is
	 * destroyed, which cannot be while that vCPU runs here.
	 */
	remember(&v->acct, vcpu);
	return &v->acct;
}

static __always_inline bool is_of(const struct l1t_account *acct,
				  const struct kvm_vcpu *vcpu)
{
	/*
	 * Another CPU may be remembering the account, which writes the same
	 * once more; READ_ONCE() would be an instruction more.
	 */
	return likely(data_race(acct->vcpu == vcpu));
}

static __always_inline struct l1t_account *
account_of(struct l1t_account *last, const struct kvm_vcpu *vcpu)
{
	return is_of(last, vcpu) ? last : find_slow(vcpu);
}

/**
 * l1t_account_find() - the account of a vCPU, or NULL
 * @vcpu: loaded, or about to be, by this thread
 *
 * Context: preemption off.
 */
struct l1t_account *l1t_account_find(const struct kvm_vcpu *vcpu)
{
	return account_of(this_cpu_read(last_account), vcpu);
}

/**
 * l1t_account_here() - the account of the vCPU that ran last on this CPU, or NULL
 *
 * Context: preemption off.
 */
struct l1t_account *l1t_account_here(void)
{
	struct l1t_account *acct = this_cpu_read(last_account);

	return acct == &nobody ? NULL : acct;
}

/**
 * l1t_exit_forget() - drop a vCPU that dies from every CPU's memory
 * @acct: its account; it no longer runs and l1t_vcpu_find() finds it no more
 *
 * Another CPU may just be remembering another vCPU; losing that is one slow
 * look-up.
 */
void l1t_exit_forget(const struct l1t_account *acct)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct l1t_account **last = per_cpu_ptr(&last_account, cpu);

		if (READ_ONCE(*last) == acct)
			WRITE_ONCE(*last, &nobody);
	}
}

/**
 * l1t_exit_unattributed() - exits of vCPUs that were not known
 */
u64 l1t_exit_unattributed(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(unattributed, cpu));
	return sum;
}

/* The guest has been left: its time ends, the exit's begins. */
static __always_inline void begin_exit(struct l1t_account *acct,
				       struct l1t_cell *cell, u64 now)
{
	s64 lease;

	l1t_account_write_begin(acct);
	cell->count++;
	acct->open = cell;
	acct->since_ticks = now;
	acct->guest_ticks += now;
	l1t_account_write_end(acct);

	/* What throttle.c writes meanwhile may be lost: it looks once more. */
	lease = data_race(acct->lease -= cell->token);
	if (unlikely(lease < 0))
		l1t_pace_exit(acct);
}

/* Part of what changes with an entry or with a vCPU's end. */
static __always_inline void end_exit(struct l1t_account *acct, u64 ticks,
				     unsigned long bucket)
{
	struct l1t_cell *cell = acct->open;

	cell->time_ticks += ticks;
	if (ticks > cell->max_ticks)
		cell->max_ticks = ticks;
	cell->hist[bucket]++;
	acct->open = NULL;
}

/* Likewise, and the counterpart of what begin_exit() adds to guest_ticks. */
static __always_inline void begin_guest(struct l1t_account *acct, u64 now)
{
	acct->since_ticks = now;
	acct->guest_ticks -= now;
}

static void end_any_exit(struct l1t_account *acct, u64 now)
{
	u64 ticks = l1t_ticks_since(acct->since_ticks, now);

	l1t_split_end(acct, now);
	acct->rare &= ~L1T_RARE_L3;
	end_exit(acct, ticks, l1t_hist_bucket(ticks));
}

/* @level: of what is entered */
static void count_l3(struct l1t_account *acct, enum l1t_level level)
{
	if (!(acct->rare & L1T_RARE_L3))
		acct->l3_entries += level == L1T_LEVEL3;
	else if (level == L1T_LEVEL3)
		acct->l3_exits_handled++;
	else
		acct->l3_exits_left++;
}

static void any_entry(struct l1t_account *acct, enum l1t_level level, u64 now)
{
	void (*l3_entered)(struct l1t_account *acct);

	if (level == L1T_LEVEL3 && !(acct->rare & L1T_RARE_L3)) {
		l3_entered = READ_ONCE(l1t_exit_l3_entered);
		if (l3_entered)
			l3_entered(acct);
	}
	l1t_account_write_begin(acct);
	if (acct->open) {
		count_l3(acct, level);
		end_any_exit(acct, now);
	} else if (acct->since_ticks) {
		/* It is in the guest and stays there. */
		acct->unpaired_entries++;
		acct->guest_ticks += now;
	}
	begin_guest(acct, now);
	l1t_account_write_end(acct);
}

/*
 * The functions that the probes end in take the probe's arguments, which so
 * stay in their registers, and in place of the first, which is of no use, the
 * account that this CPU remembers.
 */
static noinline void
exit_unusual(struct l1t_account *last, unsigned long a1, unsigned long a2,
	     unsigned long a3)
{
	bool has_reason = a2 > L1T_ISA_SVM;
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)(has_reason ? a2 : a1);
	struct l1t_account *acct = account_of(last, vcpu);
	u64 now = l1t_ticks();
	unsigned int slot = L1T_SLOT_UNKNOWN;
	const u32 *place = NULL;
	enum l1t_level level;
	struct l1t_cell *cell;

	if (unlikely(!acct)) {
		this_cpu_inc(unattributed);
		return;
	}

	level = level_of(vcpu);
	if (has_reason) {
		slot = l1t_slot(a3, a1);
	} else {
		place = reason_place(vcpu);
		if (place)
			slot = l1t_slot(a2, *place);
	}
	/*
	 * On SVM each level has a VMCB of its own, and L3's may be replaced. The
	 * account has the place of L2's, which stays. It is learnt from an exit:
	 * KVM may be preempted between changing the VMCB and changing the level.
	 */
	if (place && level == L1T_LEVEL2 && !(acct->rare & L1T_RARE_BLIND))
		acct->reason = place;

	cell = acct->cells[acct->index[level][slot]];
	if (!cell)
		cell = l1t_account_new_cell(acct, vcpu, level, slot);
	/*
	 * 5.10 re-enters a guest without its kvm_entry tracepoint; and what
	 * is before the first entry seen is nobody's time.
	 */
	if (acct->open || !acct->since_ticks)
		any_entry(acct, level, now);
	if (level == L1T_LEVEL3)
		acct->rare |= L1T_RARE_L3;
	begin_exit(acct, cell, now);
}

/*
 * The cell of an exit that has nothing unusual, NULL if there is something:
 * OTHER has no place in the index.
 */
static __always_inline struct l1t_cell *
usual_cell(const struct l1t_account *acct, enum l1t_level level, u32 reason)
{
	if (unlikely(acct->open))
		return NULL;
	return acct->cells[acct->index[level][l1t_slot_usual(reason)]];
}

/* Of the remembered vCPU. Straight, too: an L3 may exit as often as an L2. */
static noinline notrace void
exit_of_l3(struct l1t_account *acct, struct kvm_vcpu *vcpu, unsigned long isa)
{
	struct l1t_cell *cell;
	u32 reason;

	if (unlikely(acct->rare))
		goto unusual;
	/* Elsewhere SVM has more to do: the jump is VMX's. */
	if (likely(isa == L1T_ISA_SVM))
		reason = vmcb_of(vcpu)->control.exit_code;
	else
		reason = *acct->reason;
	cell = usual_cell(acct, L1T_LEVEL3, reason);
	if (unlikely(!cell))
		goto unusual;

	acct->rare = L1T_RARE_L3;
	begin_exit(acct, cell, rdtsc());
	return;

unusual:
	exit_unusual(acct, (unsigned long)vcpu, isa, 0);
}

/**
 * l1t_probe_exit() - probe of kvm:kvm_exit
 * @data: not used
 * @a1: the vCPU; until 5.15 the exit reason
 * @a2: L1T_ISA_VMX or L1T_ISA_SVM; until 5.15 the vCPU
 * @a3: until 5.15 L1T_ISA_VMX or L1T_ISA_SVM
 *
 * The two forms are told apart by @a2, which is either tiny or a pointer, and
 * not by the kernel's version: vendors carry either.
 */
notrace void l1t_probe_exit(void *data, unsigned long a1, unsigned long a2,
			    unsigned long a3)
{
	struct l1t_account *acct = this_cpu_read(last_account);
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)a1;
	struct l1t_cell *cell;

	if (unlikely(!is_of(acct, vcpu)))
		goto unusual;
	if (unlikely(level_of(vcpu) == L1T_LEVEL3)) {
		exit_of_l3(acct, vcpu, a2);
		return;
	}
	cell = usual_cell(acct, L1T_LEVEL2, *acct->reason);
	if (unlikely(!cell))
		goto unusual;

	begin_exit(acct, cell, rdtsc());
	return;

unusual:
	exit_unusual(acct, a1, a2, a3);
}

static noinline void
entry_unusual(struct l1t_account *last, const struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = account_of(last, vcpu);

	if (acct)
		any_entry(acct, level_of(vcpu), l1t_ticks());
}

/* False, and nothing is done, if there is something unusual about the time. */
static __always_inline bool usual_entry(struct l1t_account *acct)
{
	u64 now = rdtsc();
	u64 ticks = now - acct->since_ticks;

	/* So is what CPUs whose clocks differ make negative. */
	if (unlikely(ticks > l1t_hist_plain_ticks))
		return false;

	l1t_account_write_begin(acct);
	end_exit(acct, ticks, l1t_hist_plain_bucket(ticks));
	begin_guest(acct, now);
	l1t_account_write_end(acct);
	return true;
}

/* Of the remembered vCPU, whose exit is open. L3 goes on after its own exit. */
static noinline notrace void
entry_of_l3(struct l1t_account *acct, const struct kvm_vcpu *vcpu)
{
	if (likely(acct->rare == L1T_RARE_L3 && usual_entry(acct))) {
		acct->rare = 0;
		/* One instruction, and this CPU's alone to write. */
		data_race(acct->l3_exits_handled++);
		return;
	}
	entry_unusual(acct, vcpu);
}

/**
 * l1t_probe_entry() - probe of kvm:kvm_entry
 * @data: not used
 * @vcpu: the vCPU about to be entered
 *
 * Some kernels hand over a second argument, which is of no use here.
 */
notrace void l1t_probe_entry(void *data, struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = this_cpu_read(last_account);

	if (unlikely(!is_of(acct, vcpu) || !acct->open))
		goto unusual;
	if (unlikely(level_of(vcpu) == L1T_LEVEL3)) {
		entry_of_l3(acct, vcpu);
		return;
	}
	if (likely(!acct->rare && usual_entry(acct)))
		return;

unusual:
	entry_unusual(acct, vcpu);
}

/**
 * l1t_account_close() - end the exit that no entry will end
 * @acct: of a vCPU that is being destroyed
 */
void l1t_account_close(struct l1t_account *acct)
{
	u64 now = l1t_ticks();

	l1t_account_write_begin(acct);
	if (acct->open)
		end_any_exit(acct, now);
	else if (acct->since_ticks)
		acct->guest_ticks += now;
	acct->since_ticks = 0;
	l1t_account_write_end(acct);
}
