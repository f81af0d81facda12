// SPDX-License-Identifier: GPL-2.0
/*
 * One exit, one entry. Nothing in here may exit to L0, take a lock, allocate,
 * print, or do an atomic read-modify-write when KVM handles the exit itself
 * and its cell is there already.
 *
 * Both probes run on the vCPU's own CPU with preemption off, so they never
 * run twice at once for one vCPU, nor on one CPU.
 */
#include <linux/bitops.h>
#include <linux/percpu.h>
#include <asm/svm.h>

#include "attach.h"
#include "clock.h"
#include "exit.h"
#include "guest.h"
#include "throttle.h"

u32 l1t_vmx_reason_offset __read_mostly;
bool l1t_svm_reason_known __read_mostly;

/*
 * The vCPU that ran last on this CPU, since it is mostly the one that runs
 * next. Its entry is cleared when the vCPU dies (l1t_exit_forget()), or a
 * vCPU born at the same address would count for the dead.
 */
struct last_vcpu {
	const struct kvm_vcpu *vcpu;
	struct l1t_account *acct;
};

static DEFINE_PER_CPU(struct last_vcpu, last_vcpu);
static DEFINE_PER_CPU(u64, unattributed);

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
	this_cpu_write(last_vcpu.acct, &v->acct);
	this_cpu_write(last_vcpu.vcpu, vcpu);
	return &v->acct;
}

static __always_inline struct l1t_account *find(const struct kvm_vcpu *vcpu)
{
	if (likely(this_cpu_read(last_vcpu.vcpu) == vcpu))
		return this_cpu_read(last_vcpu.acct);
	return find_slow(vcpu);
}

/**
 * l1t_account_find() - the account of a vCPU, or NULL
 * @vcpu: loaded, or about to be, by this thread
 *
 * Context: preemption off.
 */
struct l1t_account *l1t_account_find(const struct kvm_vcpu *vcpu)
{
	return find(vcpu);
}

/**
 * l1t_exit_forget() - drop a vCPU that dies from every CPU's memory
 * @vcpu: no longer running, and no longer found by l1t_vcpu_find()
 *
 * Another CPU may just be writing its entry for another vCPU; losing that is
 * one slow look-up.
 */
void l1t_exit_forget(const struct kvm_vcpu *vcpu)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct last_vcpu *last = per_cpu_ptr(&last_vcpu, cpu);

		if (READ_ONCE(last->vcpu) == vcpu)
			WRITE_ONCE(last->vcpu, NULL);
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
		sum += per_cpu(unattributed, cpu);
	return sum;
}

/* @level: of what is entered */
static noinline void close_rare(struct l1t_account *acct, enum l1t_level level,
				u64 now, u64 ns)
{
	struct l1t_split *split = &acct->split;
	u64 parts_ns[L1T_PARTS];
	unsigned int i;

	if (acct->rare & L1T_RARE_SPLIT) {
		l1t_split_parts(split, now, ns, parts_ns);
		for (i = 0; i < L1T_PARTS; i++) {
			acct->open->parts_ns[i] += parts_ns[i];
			split->ticks[i] = 0;
		}
		split->part = L1T_PART_KERNEL;
		split->kernel_since_ticks = 0;
	}
	if (!(acct->rare & L1T_RARE_L3))
		acct->l3_entries += level == L1T_LEVEL3;
	else if (level == L1T_LEVEL3)
		acct->l3_exits_handled++;
	else
		acct->l3_exits_left++;
}

static __always_inline void close_exit(struct l1t_account *acct,
				       enum l1t_level level, u64 now)
{
	u64 ns = l1t_ticks_to_ns(l1t_ticks_since(acct->exit_ticks, now));
	unsigned int bucket = fls64(ns >> L1T_HIST_SHIFT);
	struct l1t_cell *cell = acct->open;

	if (bucket >= L1T_HIST_BUCKETS)
		bucket = L1T_HIST_BUCKETS - 1;

	cell->time_ns += ns;
	if (ns > cell->max_ns)
		cell->max_ns = ns;
	cell->hist[bucket]++;
	if (unlikely(acct->rare | level))
		close_rare(acct, level, now, ns);
	acct->open = NULL;
}

/* 5.10 re-enters a guest without its kvm_entry tracepoint. */
static noinline void exit_without_entry(struct l1t_account *acct,
					enum l1t_level level, u64 now)
{
	if (acct->open)
		close_exit(acct, level, now);
}

static __always_inline enum l1t_level level_of(const struct kvm_vcpu *vcpu)
{
	return (vcpu->arch.hflags & HF_GUEST_MASK) / HF_GUEST_MASK;
}

static __always_inline unsigned int slot_of(const struct kvm_vcpu *vcpu,
					    unsigned long isa,
					    unsigned long reason, bool has_reason)
{
	if (likely(isa == L1T_ISA_VMX)) {
		if (has_reason)
			return l1t_slot_vmx(reason);
		if (unlikely(!l1t_vmx_reason_offset))
			return L1T_SLOT_UNKNOWN;
		return l1t_slot_vmx(*(const u32 *)((const char *)vcpu +
						   l1t_vmx_reason_offset));
	}
	if (has_reason)
		return l1t_slot_svm(reason);
	if (unlikely(!l1t_svm_reason_known))
		return L1T_SLOT_UNKNOWN;
	return l1t_slot_svm((*(struct vmcb *const *)(vcpu + 1))->control.exit_code);
}

static __always_inline void account_exit(struct kvm_vcpu *vcpu,
					 unsigned int slot)
{
	struct l1t_account *acct = find(vcpu);
	u64 now = l1t_ticks();
	enum l1t_level level;
	struct l1t_cell *cell;
	unsigned int index;

	if (unlikely(!acct)) {
		this_cpu_inc(unattributed);
		l1t_guest_missing(vcpu->kvm);
		return;
	}

	level = level_of(vcpu);
	index = acct->index[level][slot];
	cell = likely(index) ? l1t_account_cell(acct, index) :
			       l1t_account_new_cell(acct, vcpu, level, slot);

	l1t_account_write_begin(acct);
	if (likely(acct->entry_ticks)) {
		acct->guest_ticks += l1t_ticks_since(acct->entry_ticks, now);
		acct->entry_ticks = 0;
	} else {
		exit_without_entry(acct, level, now);
	}
	cell->count++;
	acct->exit_ticks = now;
	acct->rare = level;
	acct->open = cell;
	l1t_account_write_end(acct);

	acct->lease -= cell->token;
	if (unlikely(acct->lease < 0))
		l1t_pace_exit(acct, vcpu);
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
void l1t_probe_exit(void *data, unsigned long a1, unsigned long a2,
		    unsigned long a3)
{
	struct kvm_vcpu *vcpu;

	if (likely(a2 <= L1T_ISA_SVM)) {
		vcpu = (struct kvm_vcpu *)a1;
		account_exit(vcpu, slot_of(vcpu, a2, 0, false));
	} else {
		vcpu = (struct kvm_vcpu *)a2;
		account_exit(vcpu, slot_of(vcpu, a3, a1, true));
	}
}

/**
 * l1t_probe_entry() - probe of kvm:kvm_entry
 * @data: not used
 * @vcpu: the vCPU about to be entered
 *
 * Some kernels hand over a second argument, which is of no use here.
 */
void l1t_probe_entry(void *data, struct kvm_vcpu *vcpu)
{
	struct l1t_account *acct = find(vcpu);
	u64 now = l1t_ticks();

	if (unlikely(!acct))
		return;

	l1t_account_write_begin(acct);
	if (likely(acct->open)) {
		close_exit(acct, level_of(vcpu), now);
	} else if (acct->entry_ticks) {
		acct->unpaired_entries++;
		acct->guest_ticks += l1t_ticks_since(acct->entry_ticks, now);
	}
	acct->entry_ticks = now;
	l1t_account_write_end(acct);
}

/**
 * l1t_account_close() - end the exit that no entry will end
 * @acct: of a vCPU that is being destroyed
 */
void l1t_account_close(struct l1t_account *acct)
{
	u64 now = l1t_ticks();

	l1t_account_write_begin(acct);
	if (acct->open) {
		/* Neither handled nor left, if it was L3's. */
		acct->rare &= ~L1T_RARE_L3;
		close_exit(acct, L1T_LEVEL2, now);
	}
	if (acct->entry_ticks)
		acct->guest_ticks += l1t_ticks_since(acct->entry_ticks, now);
	acct->entry_ticks = 0;
	l1t_account_write_end(acct);
}
