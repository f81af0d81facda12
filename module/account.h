/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A vCPU's account of its exits, and of who spends the time of each until the
 * next entry. KVM does, unless something rare happened: the vCPU's thread left
 * KVM_RUN, lost its CPU, gave it up (split.c).
 *
 * It has one writer, the CPU that runs the vCPU, with preemption off, or its
 * thread on that CPU. Readers are anywhere and take no lock: they retry until
 * nothing was written meanwhile.
 *
 * Most writes need no sequence count for that. An exit and its entry both begin
 * with @open and end with @state, so a reader that finds the two at odds is in
 * the midst of a write; and each writes its own @since_ticks, so a reader that
 * finds all three unchanged has seen none. Whatever else is written is written
 * while @seq is odd.
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
 * @in_run: a thread is in KVM_RUN with it: that of @away
 * @part: who has the vCPU now; L1T_PART_KERNEL unless something rare goes on
 * @since_ticks: when @part began, if it is not L1T_PART_KERNEL
 * @kernel_since_ticks: when KVM last had it back from a part
 * @away: what its thread had done when it last left KVM_RUN
 *
 * The first two are 32 bits together, which one instruction can write.
 */
struct l1t_split {
	u16 in_run;
	u16 part;
	u64 since_ticks;
	u64 kernel_since_ticks;
	struct l1t_away away;
};

/*
 * The histogram of a cell: bucket 0 holds what took less than
 * 2^L1T_HIST_SHIFT ns, bucket n what took less than 2^(L1T_HIST_SHIFT+n),
 * the last one, from 2^32 ns on, all the rest.
 */
#define L1T_HIST_SHIFT		10
#define L1T_HIST_BUCKETS	24

/*
 * The last buckets hold what took 2^26 ns and more, of which no vCPU can have 2^32
 * in nine years: 32 bits are enough, and a cell is four cache lines.
 */
#define L1T_HIST_LONG		7
#define L1T_HIST_SHORT		(L1T_HIST_BUCKETS - L1T_HIST_LONG)

/**
 * struct l1t_cell - what is known of one reason at one level of one vCPU
 * @time_ticks: from exit to next entry, added at the entry
 * @plain_ticks: @max_ticks, but at most l1t_hist_plain_ticks: an exit that took
 *	no longer needs nothing but additions
 * @hist: how many of them took how long; the sum, with @hist_long and the open
 *	exit, is how many there were
 * @hist_long: the same of the last buckets
 * @key: level and slot, see l1t_key()
 * @token: what such an exit takes from the account's lease: 1, or 0 if the
 *	host causes it
 * @returned: what KVM_RUN last returned after one, KVM_EXIT_*, if no guest ends
 *	by that: see box.h
 * @max_ticks: the longest of them
 * @parts_ticks: of @time_ticks, what was not spent by KVM; added as parts end,
 *	the exit's end may be to come
 * @stolen_ns: what L0 is known to have taken of @time_ticks; likewise
 *
 * An entry writes the first two, which share a cache line, and one of @hist, an
 * exit none of the cell. Readers turn ticks into nanoseconds.
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

/* The last exits that have ended; the step of the place wraps around by itself. */
#define L1T_RING_EXITS	64
#define L1T_RING_STEP	(256 / L1T_RING_EXITS)

/**
 * struct l1t_ring_exit - an exit that has ended
 * @end_ticks: when
 * @ticks: how long it took
 * @cell: of its reason and level, which lives as long as the account; NULL: no
 *	exit has been here yet
 *
 * One cache line has two of them, and none is in two.
 */
struct l1t_ring_exit {
	u64 end_ticks;
	u64 ticks;
	const struct l1t_cell *cell;
} __aligned(32);

/* Few of the possible cells are used, so they are allocated a chunk at a time. */
#define L1T_CELLS_CHUNK		4
#define L1T_CHUNKS_MAX		38
#define L1T_CELLS_MAX		(L1T_CHUNKS_MAX * L1T_CELLS_CHUNK)

struct l1t_chunk {
	struct l1t_cell cells[L1T_CELLS_CHUNK];
};

/* No KVM_EXIT_*. */
#define L1T_RETURNED_NONE	U32_MAX

struct l1t_box;
struct l1t_start;

enum l1t_level { L1T_LEVEL2, L1T_LEVEL3, L1T_LEVELS };

static inline u32 l1t_key(enum l1t_level level, unsigned int slot)
{
	return level * L1T_SLOTS + slot;
}

/*
 * What a vCPU is at, in the low bits of its own address: so one comparison
 * tells that it is the expected vCPU in the usual state. Handling an exit of L2
 * with nothing else going on is no bit at all.
 */
#define L1T_AT_GUEST	BIT(0)	/* in the guest, or not seen yet, or destroyed */
#define L1T_AT_L3	BIT(1)	/* in L3, or handling an exit of L3 */
#define L1T_AT_RARE	BIT(2)	/* a part of the exit's time goes on; no TSC */
#define L1T_AT_MASK	(L1T_AT_GUEST | L1T_AT_L3 | L1T_AT_RARE)

/* A lease that lasts for longer than the machine. */
#define L1T_LEASE_UNLIMITED	S64_MAX

#define L1T_BASE_UNKNOWN	U64_MAX

/**
 * struct l1t_account - one vCPU's exits
 * @state: the vCPU's address, only compared, and L1T_AT_*
 * @reason: where KVM has the reason of L2's exits; &l1t_no_reason: not known
 * @open: cell of the exit being handled; NULL while in the guest
 * @since_ticks: when the exit began or the guest was entered; 0: neither yet,
 *	or destroyed
 * @guest_from_ticks: when the guest would have been entered first had it never
 *	exited: from then to now, or to the open exit, is its time
 * @seq: odd while more is written than an exit or an entry does
 * @nr_allocated: cells there
 * @nr_cells: cells in use, released to readers in order
 * @ring_place: of the next exit in @ring, in L1T_RING_STEPs
 * @lease: exits that the guest may still cause before @pace is queued;
 *	untouched unless something is paced
 * @l3_exits_handled: exits of L3 after which L3 went on
 * @unpaired_entries: entries without a traced exit since the last: the entry
 *	failed, or KVM re-entered from a fast path before its tracepoint
 * @lost_cells: exits counted in the OTHER cell for want of one of their own
 * @l3_entries: L2's entries into L3
 * @l3_exits_left: exits of L3 after which L2 went on
 * @l3_failed: entries into L3 that KVM refused
 * @l3_first: the first of them, for as long as there is no @l3
 * @l3_offered: whether its CPUID has VMX or SVM, as of its first exit
 * @l3: more about its L3s; NULL: none yet, or no memory
 * @kvm_exits_base: KVM's own exits statistic before our first exit, or
 *	L1T_BASE_UNKNOWN until that exit has been
 * @split: who has the vCPU while the exit is open
 * @stolen: what L0 took, in the guest too
 * @slow: its slow exits
 * @node: in the look-up table, by @vcpu
 * @vcpu: whose it is, while it is in that; only compared
 * @first_ticks: when its first exit was; 0: none yet
 * @box: what is kept of its end, see box.h; NULL: nothing
 * @start: how its guest starts, see start.h; NULL: that has ended, or another
 *	vCPU boots
 * @ask_error: finds out what KVM_RUN has returned
 * @refill: allocates the next spare cells
 * @pace: sees to the next lease
 * @chunks: the cells, in the order in which they came into use
 * @cells: the same by level and slot, NULL for none yet; always for OTHER
 * @ring: the last exits that have ended
 *
 * What stands before @seq is written at every exit or read there, @ring_place
 * too, @lease when something is paced, and @l3_exits_handled at many of L3. The
 * account's first cache line has them all. Beside it an exit that KVM handles
 * writes one of @ring.
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
 * An exit has ended: its place is overwritten by the 64th after it. Between what
 * ends the exit for readers.
 */
static __always_inline void l1t_ring_add(struct l1t_account *acct,
					 const struct l1t_cell *cell,
					 u64 end_ticks, u64 ticks)
{
	unsigned long place = acct->ring_place;
	/* An address of the form that an instruction can have in it. */
	struct l1t_ring_exit *e = (void *)acct->ring +
				  place * (sizeof(*e) / L1T_RING_STEP);

	e->end_ticks = end_ticks;
	e->ticks = ticks;
	e->cell = cell;
	acct->ring_place += L1T_RING_STEP;
}

/*
 * Around every change that a reader must not see half of, but for the usual
 * exit and entry. The writer's CPU may not be preempted in between. To KCSAN it
 * is what a seqcount's is.
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
 * The bucket of a time costs one multiplication: the upper half of the product
 * is the time in 2^(L1T_HIST_SHIFT-1) ns, of which the highest bit tells.
 * It needs no bound up to l1t_hist_plain_ticks, L1T_SLOW_LEAST_NS: exits that took
 * longer also have more to do, see steal.c and slow.c.
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

/* Is the current thread in KVM_RUN with the vCPU? Another may be meanwhile. */
static inline bool l1t_account_runs_here(const struct l1t_account *acct)
{
	return READ_ONCE(acct->split.in_run) &&
	       READ_ONCE(acct->split.away.thread) == current;
}

/* The nth cell in use, below l1t_account_cells(). */
static inline struct l1t_cell *l1t_account_cell(const struct l1t_account *acct,
						unsigned int n)
{
	return &acct->chunks[n / L1T_CELLS_CHUNK]->cells[n % L1T_CELLS_CHUNK];
}

/* The reason of exits whose reason is not known. */
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
 * struct l1t_sample - what a reader takes from a cell, or a sum of such
 *
 * Times include those of an exit that is open, up to the moment of reading;
 * @max_ns and @hist do not. @stolen_ns includes what was found so far.
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
 * struct l1t_moment - what an account is at when a reader begins
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
 * struct l1t_now - what a vCPU is at
 * @state: at what
 * @for_ns: since how long
 * @key: of the exit being handled, if @state is neither NONE nor GUEST
 */
struct l1t_now {
	enum l1t_state state;
	u64 for_ns;
	u32 key;
};

void l1t_account_now(struct l1t_account *acct, struct l1t_now *now);

#endif
