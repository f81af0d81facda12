/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A vCPU's account of its exits.
 *
 * It has one writer, the CPU that runs the vCPU, with preemption off, or its
 * thread on that CPU. Readers are anywhere and take no lock: they read until
 * nothing was written meanwhile.
 */
#ifndef L1TUNE_ACCOUNT_H
#define L1TUNE_ACCOUNT_H

#include <linux/cache.h>
#include <linux/kvm_host.h>
#include <linux/task_work.h>

#include "reason.h"
#include "split.h"

/*
 * The histogram of a cell: bucket 0 holds what took less than
 * 2^L1T_HIST_SHIFT ns, bucket n what took less than 2^(L1T_HIST_SHIFT+n),
 * the last one all the rest.
 */
#define L1T_HIST_SHIFT		9
#define L1T_HIST_BUCKETS	16

/**
 * struct l1t_cell - what is known of one reason at one level of one vCPU
 * @key: level and slot, see l1t_key()
 * @token: what such an exit takes from the account's lease: 1, or 0 if the
 *	host causes it
 * @count: exits, counted as they happen
 * @time_ns: from exit to next entry, added at the entry
 * @max_ns: the longest of them
 * @parts_ns: of @time_ns, what was not spent by KVM
 * @hist: how many of them took how long
 *
 * An exit and its entry write the first cache line and one of @hist.
 */
struct l1t_cell {
	u32 key;
	u32 token;
	u64 count;
	u64 time_ns;
	u64 max_ns;
	u64 parts_ns[L1T_PARTS];
	u64 hist[L1T_HIST_BUCKETS] ____cacheline_aligned;
} ____cacheline_aligned;

/* Few of the possible cells are used, so they come by the chunk. */
#define L1T_CHUNK_BYTES		2048
#define L1T_CHUNK_CELLS		(L1T_CHUNK_BYTES / sizeof(struct l1t_cell))
#define L1T_CHUNKS		15

/* A cell's index is chunk * 16 + place in it, so that finding it is shifts. */
#define L1T_CELL_PLACES		16
#define L1T_CELLS_MAX		(L1T_CHUNKS * L1T_CHUNK_CELLS)

struct l1t_chunk {
	struct l1t_cell cells[L1T_CHUNK_CELLS];
};

enum l1t_level { L1T_LEVEL2, L1T_LEVEL3, L1T_LEVELS };

static inline u32 l1t_key(enum l1t_level level, unsigned int slot)
{
	return level * L1T_SLOTS + slot;
}

/* What makes the next entry more than a sum and a histogram. */
#define L1T_RARE_L3	L1T_LEVEL3	/* it was an exit of L3 */
#define L1T_RARE_SPLIT	2		/* the exit's time has parts */

#define L1T_BASE_UNKNOWN	U64_MAX

/**
 * struct l1t_account - one vCPU's exits
 * @open: cell of the exit being handled; NULL while in the guest
 * @exit_ticks: when it began
 * @entry_ticks: when the guest was entered; 0 while not in it
 * @guest_ticks: time in the guest so far
 * @lease: exits that the guest may still cause before l1t_pace_exit() is asked
 * @seq: odd while the writer is at it
 * @rare: L1T_RARE_*, of the open exit
 * @refill_queued: @refill waits to run on the vCPU's thread
 * @nr_chunks: chunks there, one of them to spare
 * @nr_cells: cells in use, released to readers in order
 * @unpaired_entries: entries without a traced exit since the last: the entry
 *	failed, or KVM re-entered from a fast path before its tracepoint
 * @lost_cells: exits counted in the OTHER cell for want of one of their own
 * @l3_entries: L2's entries into L3
 * @l3_exits_handled: exits of L3 after which L3 went on
 * @l3_exits_left: exits of L3 after which L2 went on
 * @kvm_exits_base: KVM's own exits statistic before our first exit, or
 *	L1T_BASE_UNKNOWN until that exit has been
 * @split: who has the vCPU while the exit is open
 * @refill: allocates the next spare
 * @chunks: where the cells are
 * @index: by level and slot: index of the cell, 0 for none yet
 */
struct l1t_account {
	struct l1t_cell *open;
	u64 exit_ticks;
	u64 entry_ticks;
	u64 guest_ticks;
	s64 lease;
	u32 seq;
	u8 rare;
	bool refill_queued;
	u8 nr_chunks;
	u16 nr_cells;
	u64 unpaired_entries;
	u64 lost_cells;
	u64 l3_entries;
	u64 l3_exits_handled;
	u64 l3_exits_left;
	u64 kvm_exits_base;
	struct l1t_split split;
	struct callback_head refill;
	struct l1t_chunk *chunks[L1T_CHUNKS];
	u8 index[L1T_LEVELS][L1T_SLOTS];
};

/*
 * Around every change that a reader must not see half of. The writer's CPU
 * may not be preempted in between.
 */
static __always_inline void l1t_account_write_begin(struct l1t_account *acct)
{
	acct->seq++;
	smp_wmb(); /* odd before anything changes: pairs with account_read() */
}

static __always_inline void l1t_account_write_end(struct l1t_account *acct)
{
	smp_wmb(); /* even after */
	acct->seq++;
}

static __always_inline struct l1t_cell *
l1t_account_cell(const struct l1t_account *acct, unsigned int index)
{
	return &acct->chunks[index / L1T_CELL_PLACES]->cells[index % L1T_CELL_PLACES];
}

struct l1t_cell *l1t_account_new_cell(struct l1t_account *acct,
				      const struct kvm_vcpu *vcpu,
				      enum l1t_level level, unsigned int slot);

int l1t_account_init(struct l1t_account *acct);
void l1t_account_free(struct l1t_account *acct);
u32 l1t_account_key(const struct l1t_account *acct, unsigned int n);
unsigned int l1t_account_cells(const struct l1t_account *acct);

/**
 * struct l1t_sample - what a reader takes from a cell, or a sum of such
 *
 * Times include those of an exit that is open, up to the moment of reading;
 * @max_ns and @hist do not.
 */
struct l1t_sample {
	u64 count;
	u64 time_ns;
	u64 max_ns;
	u64 parts_ns[L1T_PARTS];
	u64 hist[L1T_HIST_BUCKETS];
};

void l1t_account_add_cell(const struct l1t_account *acct, unsigned int n,
			  struct l1t_sample *sum);
u64 l1t_account_guest_ns(const struct l1t_account *acct);

enum l1t_state {
	L1T_STATE_NONE,		/* has not run yet, or was found in a pause */
	L1T_STATE_GUEST,
	L1T_STATE_KERNEL,
	L1T_STATE_USER,
	L1T_STATE_WAIT,
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

void l1t_account_now(const struct l1t_account *acct, struct l1t_now *now);

#endif
