/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A vCPU's account of its exits, and of who spends the time from each exit to the
 * next entry. It is KVM's, unless something rare happened: the vCPU's thread left
 * KVM_RUN, was preempted, or slept (split.c).
 *
 * There is one writer: the CPU that runs the vCPU, or its thread on that CPU, with
 * preemption disabled. Readers run anywhere and take no lock: they retry until
 * nothing was written meanwhile.
 *
 * Most writes need no sequence count. An exit and its entry both begin with @open
 * and end with @state, so a reader that finds the two at odds is in the middle of
 * a write; and each writes a new @since_ticks, so if all three are unchanged there
 * was no write. Everything else is written while @seq is odd.
 */
#ifndef L1TUNE_ACCOUNT_H
#define L1TUNE_ACCOUNT_H

#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/kcsan-checks.h>
#include <linux/kvm_host.h>
#include <linux/math64.h>

#include "away.h"
#include "l3.h"
#include "part.h"
#include "reason.h"
#include "slow.h"
#include "steal.h"
#include "work.h"

/**
 * struct l1t_split - the parts of a vCPU's open exit
 * @in_run: a thread, @away's, is in KVM_RUN with the vCPU
 * @part: who spends the time now; L1T_PART_KERNEL unless something rare happens
 * @since_ticks: when @part began, unless it is L1T_PART_KERNEL
 * @kernel_since_ticks: when the last part ended and KVM continued
 * @away: its thread, and the thread's counters when it last left KVM_RUN
 *
 * The first two are 32 bits together, so one instruction can write both.
 */
struct l1t_split {
	u16 in_run;
	u16 part;
	u64 since_ticks;
	u64 kernel_since_ticks;
	struct l1t_away away;
};

/*
 * The histogram of a cell: bucket 0 holds exits that took less than
 * 2^L1T_HIST_SHIFT ns, bucket n those below 2^(L1T_HIST_SHIFT+n), and the last
 * one all from 2^32 ns on.
 */
#define L1T_HIST_SHIFT		10
#define L1T_HIST_BUCKETS	24

/*
 * The last buckets hold exits of 2^26 ns and more. No vCPU can have 2^32 of them in
 * nine years, so 32 bits are enough, and a cell is four cache lines.
 */
#define L1T_HIST_LONG		7
#define L1T_HIST_SHORT		(L1T_HIST_BUCKETS - L1T_HIST_LONG)

/**
 * struct l1t_cell - the exits of one vCPU for one reason at one level
 * @time_ticks: from exit to next entry, added at the entry
 * @plain_ticks: @max_ticks, but at most l1t_hist_plain_ticks: an exit that took
 *	no longer needs only additions
 * @hist: number of exits by duration; the sum, with @hist_long and the open exit,
 *	is their number
 * @hist_long: the last buckets of @hist
 * @key: level and slot, see l1t_key()
 * @token: what such an exit takes from the account's lease: 1, or 0 if the
 *	host alone causes it
 * @returned: KVM_EXIT_* that KVM_RUN last returned after such an exit, if it is not
 *	a possible end of the guest: see box.h
 * @max_ticks: duration of the longest exit
 * @parts_ticks: of @time_ticks, the parts that are not KVM's; added as each part
 *	ends, which may be before the exit ends
 * @stolen_ns: of @time_ticks, what L0 is known to have stolen; likewise
 *
 * An entry writes the first two, which share a cache line, and one bucket of @hist;
 * an exit writes none of it. Readers convert ticks to nanoseconds.
 */
struct l1t_cell {
	u64 time_ticks;
	u64 plain_ticks;
	u64 hist[L1T_HIST_SHORT];
	u32 hist_long[L1T_HIST_LONG];
	u32 key;
	u32 token;
	u32 returned;
	u64 max_ticks;
	u64 parts_ticks[L1T_PARTS];
	u64 stolen_ns;
} __aligned(16);

static inline u64 l1t_cell_exits(const struct l1t_cell *cell, unsigned int bucket)
{
	return bucket < L1T_HIST_SHORT ? cell->hist[bucket] :
					 cell->hist_long[bucket - L1T_HIST_SHORT];
}

/* The last exits that have ended; u8 arithmetic wraps the place around. */
#define L1T_RING_EXITS	64
#define L1T_RING_STEP	(256 / L1T_RING_EXITS)

/**
 * struct l1t_ring_exit - an exit that has ended
 * @end_ticks: when it ended
 * @ticks: how long it took
 * @cell: of its reason and level, which lives as long as the account; NULL if the
 *	entry has not been used yet
 *
 * A cache line holds two, and none straddles two lines.
 */
struct l1t_ring_exit {
	u64 end_ticks;
	u64 ticks;
	const struct l1t_cell *cell;
} __aligned(32);

/* Few of the possible cells are used, so they are allocated in chunks. */
#define L1T_CELLS_CHUNK		4
#define L1T_CHUNKS_MAX		38
#define L1T_CELLS_MAX		(L1T_CHUNKS_MAX * L1T_CELLS_CHUNK)

struct l1t_chunk {
	struct l1t_cell cells[L1T_CELLS_CHUNK];
};

/* Not a KVM_EXIT_*. */
#define L1T_RETURNED_NONE	U32_MAX

struct l1t_box;
struct l1t_start;

static inline u32 l1t_key(enum l1t_level level, unsigned int slot)
{
	return level * L1T_SLOTS + slot;
}

/*
 * What a vCPU is doing, in the low bits of its own address: one comparison tells
 * that it is the expected vCPU in the usual state. Handling an exit of L2, with
 * nothing else in progress, sets no bit.
 */
#define L1T_AT_GUEST	BIT(0)	/* in the guest, or not seen yet, or destroyed */
#define L1T_AT_L3	BIT(1)	/* in L3, or handling an exit of L3 */
#define L1T_AT_RARE	BIT(2)	/* a part of the exit is in progress; or no TSC */
#define L1T_AT_MASK	(L1T_AT_GUEST | L1T_AT_L3 | L1T_AT_RARE)

/* Not paced: no vCPU exits so often. */
#define L1T_LEASE_UNLIMITED	S64_MAX

#define L1T_BASE_UNKNOWN	U64_MAX

/**
 * struct l1t_account - one vCPU's exits
 * @state: the vCPU's address, which is only compared, and L1T_AT_*
 * @reason: where KVM keeps the reason of L2's exits; &l1t_no_reason if not known
 * @open: cell of the exit being handled; NULL while in the guest
 * @since_ticks: when the exit began or the guest was entered; 0 before the first
 *	of them, and after the vCPU is destroyed
 * @guest_from_ticks: when the guest would first have been entered if it had never
 *	exited: the time from then until now, or until the open exit, is the guest's
 * @seq: odd during all writes but those of a usual exit or entry
 * @nr_allocated: cells allocated
 * @nr_cells: cells in use; released after the cells are filled in
 * @ring_place: of the next exit in @ring, in L1T_RING_STEPs
 * @lease: exits that the guest may still cause before @pace is queued; not written
 *	unless something is paced
 * @l3_exits_handled: exits of L3 after which L3 continued
 * @unpaired_entries: entries without a traced exit since the last entry: the entry
 *	failed, or KVM re-entered from a fast path before its tracepoint
 * @lost_cells: exits counted as OTHER because no cell was free
 * @l3_entries: L2's entries into L3
 * @l3_exits_left: exits of L3 after which L2 continued
 * @l3_failed: entries into L3 that KVM refused
 * @l3_first: the first refused entry, until there is an @l3
 * @l3_offered: whether its CPUID has VMX or SVM, as of its first exit
 * @l3: more about its L3s; NULL: none yet, or no memory
 * @kvm_exits_base: KVM's own exits statistic before our first exit; until that
 *	exit L1T_BASE_UNKNOWN
 * @split: who spends the time of the open exit
 * @stolen: what L0 stole, in exits and in the guest
 * @slow: its slow exits
 * @node: in the hash table, by @vcpu
 * @vcpu: the vCPU while the account is in the hash table; only compared
 * @first_ticks: when its first exit began; 0: none yet
 * @box: the vCPU's black box, see box.h; may be NULL
 * @start: how its guest starts, see start.h; NULL: the start has ended, or another
 *	vCPU boots
 * @ask_error: finds what KVM_RUN has returned
 * @refill: allocates the next spare cells, @l3, or memory of @slow
 * @pace: gets the next lease
 * @chunks: the cells, in the order in which they were taken into use
 * @cells: usual cells by level and slot; NULL if there is none, and for OTHER
 * @ring: the last exits that have ended
 *
 * Members before @seq are read or written at every exit, @ring_place too, @lease
 * while something is paced, and @l3_exits_handled at many exits of L3. All are in
 * the account's first cache line. An exit that KVM handles itself also writes one
 * entry of @ring.
 */
struct l1t_account {
	unsigned long state;
	const u32 *reason;
	struct l1t_cell *open;
	u64 since_ticks;
	u64 guest_from_ticks;
	u32 seq;
	u8 nr_allocated;
	u8 nr_cells;
	u8 ring_place;
	s64 lease;
	u64 l3_exits_handled;
	u64 unpaired_entries;
	u64 lost_cells;
	u64 l3_entries;
	u64 l3_exits_left;
	u64 l3_failed;
	struct l1t_failed l3_first;
	enum l1t_offered l3_offered;
	struct l1t_l3 *l3;
	u64 kvm_exits_base;
	struct l1t_split split;
	struct l1t_stolen stolen;
	struct l1t_slow slow;
	struct hlist_node node;
	const struct kvm_vcpu *vcpu;
	u64 first_ticks;
	struct l1t_box *box;
	struct l1t_start *start;
	struct l1t_work ask_error;
	struct l1t_work refill;
	struct l1t_work pace;
	struct l1t_chunk *chunks[L1T_CHUNKS_MAX];
	struct l1t_cell *cells[L1T_LEVELS][L1T_SLOTS];
	struct l1t_ring_exit ring[L1T_RING_EXITS];
} ____cacheline_aligned;

/*
 * Record an exit that has ended, in the place of the one 64 exits ago. Called within
 * the write that ends the exit for readers.
 */
static __always_inline void l1t_ring_add(struct l1t_account *acct,
					 const struct l1t_cell *cell,
					 u64 end_ticks, u64 ticks)
{
	unsigned long place = acct->ring_place;
	/* Computed so that it fits an addressing mode. */
	struct l1t_ring_exit *e = (void *)acct->ring +
				  place * (sizeof(*e) / L1T_RING_STEP);

	e->end_ticks = end_ticks;
	e->ticks = ticks;
	e->cell = cell;
	acct->ring_place += L1T_RING_STEP;
}

/*
 * Around every change that readers must see whole, except the usual exit and
 * entry. The writer must have preemption disabled. KCSAN sees it as a seqcount.
 */
static __always_inline void l1t_account_write_begin(struct l1t_account *acct)
{
	kcsan_nestable_atomic_begin();
	acct->seq++;
	smp_wmb(); /* odd before anything changes: pairs with l1t_account_read_begin() */
}

static __always_inline void l1t_account_write_end(struct l1t_account *acct)
{
	smp_wmb(); /* even after */
	acct->seq++;
	kcsan_nestable_atomic_end();
}

/*
 * A duration's bucket costs one multiplication: the upper half of the product is
 * the time in units of 2^(L1T_HIST_SHIFT-1) ns, and its highest bit is the bucket.
 * No upper bound is needed up to l1t_hist_plain_ticks, which is L1T_SLOW_LEAST_NS:
 * longer exits have more to do anyway, see steal.c and slow.c.
 */
extern u64 l1t_hist_mult;
extern u64 l1t_hist_plain_ticks;

static __always_inline unsigned long l1t_hist_plain_bucket(u64 ticks)
{
	return __fls(mul_u64_u64_shr(ticks, l1t_hist_mult, 64) | 1);
}

static inline unsigned long l1t_hist_bucket(u64 ticks)
{
	return min(l1t_hist_plain_bucket(ticks), L1T_HIST_BUCKETS - 1UL);
}

/*
 * The vCPU, if the current thread is in KVM_RUN with it and KVM has loaded it: then the
 * vCPU lives, and no other thread is in KVM_RUN with it. Otherwise NULL.
 *
 * The hooks alone do not show this: none of them is called if KVM_RUN returns before it loads
 * the vCPU. While the vCPU is loaded, KVM's notifier is the first of the thread's.
 */
static inline const struct kvm_vcpu *l1t_account_vcpu_here(const struct l1t_account *acct)
{
	const struct kvm_vcpu *vcpu = READ_ONCE(acct->vcpu);

	if (!vcpu || !READ_ONCE(acct->split.in_run))
		return NULL;
	return current->preempt_notifiers.first == &vcpu->preempt_notifier.link ? vcpu : NULL;
}

/* The nth cell, @n below l1t_account_cells(). */
static inline struct l1t_cell *l1t_account_cell(const struct l1t_account *acct,
						unsigned int n)
{
	return &acct->chunks[n / L1T_CELLS_CHUNK]->cells[n % L1T_CELLS_CHUNK];
}

/* What @reason points to while it is not known where KVM keeps the reason. */
extern const u32 l1t_no_reason;

struct l1t_cell *l1t_account_new_cell(struct l1t_account *acct,
				      const struct kvm_vcpu *vcpu,
				      enum l1t_level level, unsigned int slot);

int l1t_accounts_init(void);
void l1t_accounts_exit(void);
int l1t_account_init(struct l1t_account *acct);
void l1t_account_ask_for_more(struct l1t_account *acct);
void l1t_account_free(struct l1t_account *acct);
u32 l1t_account_key(const struct l1t_account *acct, unsigned int n);
unsigned int l1t_account_cells(const struct l1t_account *acct);

/**
 * struct l1t_sample - a snapshot of a cell, or a sum of them
 * @count: number of exits
 * @time_ns: from exit to next entry
 * @max_ns: the longest exit
 * @parts_ns: of @time_ns, by part
 * @stolen_ns: of @time_ns, what L0 is known to have stolen
 * @hist: number of exits by duration, see L1T_HIST_SHIFT
 *
 * @count, @time_ns and @parts_ns include an exit that is open, up to the moment of
 * reading; @max_ns and @hist do not. @stolen_ns has what was found so far.
 */
struct l1t_sample {
	u64 count;
	u64 time_ns;
	u64 max_ns;
	u64 parts_ns[L1T_PARTS_AND_KERNEL];
	u64 stolen_ns;
	u64 hist[L1T_HIST_BUCKETS];
};

/**
 * struct l1t_moment - an account's state when a reader begins
 * @seq: as in the account
 * @state: likewise
 * @since_ticks: likewise
 * @open: likewise
 */
struct l1t_moment {
	u32 seq;
	unsigned long state;
	u64 since_ticks;
	const struct l1t_cell *open;
};

void l1t_account_read_begin(const struct l1t_account *acct, struct l1t_moment *m);
bool l1t_account_read_again(const struct l1t_account *acct,
			    const struct l1t_moment *m);

void l1t_account_add_cell(struct l1t_account *acct, unsigned int n,
			  struct l1t_sample *sum);
u64 l1t_account_guest_ns(const struct l1t_account *acct);
u64 l1t_account_stolen_ns(const struct l1t_account *acct);

enum l1t_state {
	L1T_STATE_NONE,		/* no exit has been seen */
	L1T_STATE_GUEST,
	L1T_STATE_KERNEL,
	L1T_STATE_VMM,
	L1T_STATE_VMM_SLEEP,
	L1T_STATE_HALTED,
	L1T_STATE_BLOCKED,
	L1T_STATE_RUNQ,
	L1T_STATE_THROTTLED
};

/**
 * struct l1t_now - what a vCPU is doing
 * @state: its state
 * @for_ns: for how long
 * @key: of the exit being handled, unless @state is NONE or GUEST
 */
struct l1t_now {
	enum l1t_state state;
	u64 for_ns;
	u32 key;
};

void l1t_account_now(struct l1t_account *acct, struct l1t_now *now);

#endif
