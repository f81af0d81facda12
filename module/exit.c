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
#include <linux/slab.h>
#include <asm/svm.h>

#include "attach.h"
#include "clock.h"
#include "exit.h"
#include "guest.h"

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

static __always_inline struct l1t_cell *cell_at(struct l1t_account *acct,
						unsigned int index)
{
	return &acct->chunks[index / L1T_CELL_PLACES]->cells[index % L1T_CELL_PLACES];
}

static unsigned int nth_index(unsigned int n)
{
	return n / L1T_CHUNK_CELLS * L1T_CELL_PLACES + n % L1T_CHUNK_CELLS;
}

static void refill(struct callback_head *work)
{
	struct l1t_account *acct = container_of(work, struct l1t_account, refill);
	struct l1t_chunk *chunk = kzalloc(L1T_CHUNK_BYTES, GFP_KERNEL);

	/* Without memory the flag falls all the same: the next exit asks again. */
	if (chunk) {
		acct->chunks[acct->nr_chunks] = chunk;
		/* new_cell(), on another CPU by now, sees the chunk. */
		smp_store_release(&acct->nr_chunks, acct->nr_chunks + 1);
	}
	/* Whoever queues the next refill sees this one done. */
	smp_store_release(&acct->refill_queued, false);
	l1t_vcpu_put(container_of(acct, struct l1t_vcpu, acct));
}

static void ask_for_refill(struct l1t_account *acct)
{
	struct l1t_vcpu *v = container_of(acct, struct l1t_vcpu, acct);

	/* Pairs with the release at the end of refill(). */
	if (smp_load_acquire(&acct->refill_queued))
		return;
	if (acct->nr_chunks == L1T_CHUNKS)
		return;
	acct->refill_queued = true;
	init_task_work(&acct->refill, refill);
	l1t_vcpu_get(v);
	if (l1t_task_work_add(current, &acct->refill)) {
		acct->refill_queued = false;
		l1t_vcpu_put(v);
	}
}

/*
 * What KVM had counted before our first exit, of a vCPU that was running
 * before it was known. KVM counts after its tracepoint, except where that
 * stands in the exit handler (SVM before 6.12), out of guest mode.
 */
static void set_kvm_exits_base(struct l1t_account *acct,
			       const struct kvm_vcpu *vcpu)
{
	u64 exits = vcpu->stat.exits;

	if (READ_ONCE(vcpu->mode) != IN_GUEST_MODE && exits)
		exits--;
	WRITE_ONCE(acct->kvm_exits_base, exits);
}

/*
 * First exit of its kind. Cell 0 is OTHER's and is always there, so index 0
 * can mean "none".
 */
static noinline struct l1t_cell *new_cell(struct l1t_account *acct,
					  const struct kvm_vcpu *vcpu,
					  enum l1t_level level,
					  unsigned int slot)
{
	unsigned int n = acct->nr_cells;
	struct l1t_cell *cell;

	if (acct->kvm_exits_base == L1T_BASE_UNKNOWN)
		set_kvm_exits_base(acct, vcpu);
	if (slot == L1T_SLOT_OTHER)
		return cell_at(acct, 0);
	if (n + L1T_CHUNK_CELLS >= acct->nr_chunks * L1T_CHUNK_CELLS)
		ask_for_refill(acct);
	/* Pairs with the release of the new chunk in refill(). */
	if (n >= smp_load_acquire(&acct->nr_chunks) * L1T_CHUNK_CELLS) {
		acct->lost_cells++;
		return cell_at(acct, 0);
	}
	acct->index[level][slot] = nth_index(n);
	cell = cell_at(acct, nth_index(n));
	cell->key = l1t_key(level, slot);
	/* Readers that count it see its key. */
	smp_store_release(&acct->nr_cells, n + 1);
	return cell;
}

static __always_inline void close_exit(struct l1t_account *acct, u64 now)
{
	u64 ns = l1t_ticks_to_ns(l1t_ticks_since(acct->exit_ticks, now));
	unsigned int bucket = fls64(ns >> L1T_HIST_SHIFT);
	struct l1t_cell *cell = acct->open;

	if (bucket >= L1T_HIST_BUCKETS)
		bucket = L1T_HIST_BUCKETS - 1;

	WRITE_ONCE(cell->seq, cell->seq + 1);
	smp_wmb(); /* odd before the numbers change: l1t_cell_add_to() */
	cell->time_ns += ns;
	if (ns > cell->max_ns)
		cell->max_ns = ns;
	cell->hist[bucket]++;
	smp_wmb(); /* even after */
	WRITE_ONCE(cell->seq, cell->seq + 1);
	acct->open = NULL;
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

static __always_inline void account_exit(const struct kvm_vcpu *vcpu,
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

	if (likely(acct->entry_ticks)) {
		acct->guest_ticks += l1t_ticks_since(acct->entry_ticks, now);
		acct->entry_ticks = 0;
	} else if (acct->open) {
		/* 5.10 re-enters a guest without its kvm_entry tracepoint. */
		close_exit(acct, now);
	}

	level = vcpu->arch.hflags & HF_GUEST_MASK ? L1T_LEVEL3 : L1T_LEVEL2;
	index = acct->index[level][slot];
	cell = likely(index) ? cell_at(acct, index) :
			       new_cell(acct, vcpu, level, slot);
	cell->count++;
	acct->exit_ticks = now;
	acct->open = cell;
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
	const struct kvm_vcpu *vcpu;

	if (likely(a2 <= L1T_ISA_SVM)) {
		vcpu = (const struct kvm_vcpu *)a1;
		account_exit(vcpu, slot_of(vcpu, a2, 0, false));
	} else {
		vcpu = (const struct kvm_vcpu *)a2;
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

	if (likely(acct->open)) {
		close_exit(acct, now);
	} else if (acct->entry_ticks) {
		acct->unpaired_entries++;
		acct->guest_ticks += l1t_ticks_since(acct->entry_ticks, now);
	}
	acct->entry_ticks = now;
}

/**
 * l1t_account_init() - make an account ready for its first exit
 * @acct: all zero
 *
 * Context: may sleep. Return: 0 or -ENOMEM, and then @acct is to be freed.
 */
int l1t_account_init(struct l1t_account *acct)
{
	BUILD_BUG_ON(sizeof(struct l1t_chunk) > L1T_CHUNK_BYTES);
	BUILD_BUG_ON(L1T_CHUNK_CELLS > L1T_CELL_PLACES);
	BUILD_BUG_ON(L1T_CHUNKS * L1T_CELL_PLACES > U8_MAX + 1);

	for (; acct->nr_chunks < 2; acct->nr_chunks++) {
		acct->chunks[acct->nr_chunks] = kzalloc(L1T_CHUNK_BYTES,
							GFP_KERNEL);
		if (!acct->chunks[acct->nr_chunks])
			return -ENOMEM;
	}
	cell_at(acct, 0)->key = l1t_key(L1T_LEVEL2, L1T_SLOT_OTHER);
	acct->nr_cells = 1;
	return 0;
}

/**
 * l1t_account_close() - end the exit that no entry will end
 * @acct: of a vCPU that is being destroyed
 */
void l1t_account_close(struct l1t_account *acct)
{
	if (acct->open)
		close_exit(acct, l1t_ticks());
	acct->entry_ticks = 0;
}

/**
 * l1t_account_free() - free what l1t_account_init() and exits allocated
 * @acct: without a writer or reader left
 */
void l1t_account_free(struct l1t_account *acct)
{
	while (acct->nr_chunks)
		kfree(acct->chunks[--acct->nr_chunks]);
}

/**
 * l1t_account_cells() - how many cells there are; they are never fewer later
 * @acct: the account
 */
unsigned int l1t_account_cells(const struct l1t_account *acct)
{
	/* Pairs with the release in new_cell(). */
	return smp_load_acquire(&acct->nr_cells);
}

/**
 * l1t_account_cell() - the nth cell
 * @acct: the account
 * @n: below l1t_account_cells()
 */
const struct l1t_cell *l1t_account_cell(const struct l1t_account *acct,
					unsigned int n)
{
	return cell_at((struct l1t_account *)acct, nth_index(n));
}

/**
 * l1t_cell_add_to() - add a cell's numbers to a sum, as of one moment
 * @cell: may be written meanwhile
 * @sum: takes them
 */
void l1t_cell_add_to(const struct l1t_cell *cell, struct l1t_sample *sum)
{
	struct l1t_sample s;
	unsigned int i;
	u32 seq;

	do {
		seq = READ_ONCE(cell->seq);
		smp_rmb(); /* pairs with the barriers in close_exit() */
		s.count = READ_ONCE(cell->count);
		s.time_ns = READ_ONCE(cell->time_ns);
		s.max_ns = READ_ONCE(cell->max_ns);
		for (i = 0; i < L1T_HIST_BUCKETS; i++)
			s.hist[i] = READ_ONCE(cell->hist[i]);
		smp_rmb(); /* likewise */
	} while (seq & 1 || READ_ONCE(cell->seq) != seq);

	sum->count += s.count;
	sum->time_ns += s.time_ns;
	sum->max_ns = max(sum->max_ns, s.max_ns);
	for (i = 0; i < L1T_HIST_BUCKETS; i++)
		sum->hist[i] += s.hist[i];
}
