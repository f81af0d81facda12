/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hot path: what one exit and one entry of a vCPU write.
 *
 * A vCPU's account has one writer, the CPU that runs the vCPU, with
 * preemption off. Readers are anywhere and take no lock: see
 * l1t_cell_read().
 */
#ifndef L1TUNE_EXIT_H
#define L1TUNE_EXIT_H

#include <linux/cache.h>
#include <linux/kvm_host.h>
#include <linux/task_work.h>

#include "reason.h"

/*
 * The histogram of a cell: bucket 0 holds what took less than
 * 2^L1T_HIST_SHIFT ns, bucket n what took less than 2^(L1T_HIST_SHIFT+n),
 * the last one all the rest.
 */
#define L1T_HIST_SHIFT		9
#define L1T_HIST_BUCKETS	16

/**
 * struct l1t_cell - what is known of one reason at one level of one vCPU
 * @seq: odd while the writer is at it
 * @key: level and slot, see l1t_key()
 * @count: exits, counted as they happen
 * @time_ns: from exit to next entry, added at the entry
 * @max_ns: the longest of them
 * @hist: how many of them took how long
 *
 * An exit and its entry write the first cache line and one of @hist.
 */
struct l1t_cell {
	u32 seq;
	u32 key;
	u64 count;
	u64 time_ns;
	u64 max_ns;
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

#define L1T_KEYS	(L1T_LEVELS * L1T_SLOTS)

/**
 * struct l1t_account - one vCPU's exits
 * @open: cell of the exit being handled; NULL while in the guest
 * @exit_ticks: when it began
 * @entry_ticks: when the guest was entered; 0 while not in it
 * @guest_ticks: time in the guest so far
 * @unpaired_entries: entries without a traced exit since the last: the entry
 *	failed, or KVM re-entered from a fast path before its tracepoint
 * @lost_cells: exits counted in the OTHER cell for want of one of their own
 * @kvm_exits_base: KVM's own exits statistic before our first exit, or
 *	L1T_BASE_UNKNOWN until that exit has been
 * @nr_cells: cells in use, released to readers in order
 * @nr_chunks: chunks there, one of them to spare
 * @refill_queued: @refill waits to run on the vCPU's thread
 * @refill: allocates the next spare
 * @chunks: where the cells are
 * @index: by level and slot: index of the cell, 0 for none yet
 */
#define L1T_BASE_UNKNOWN	U64_MAX

struct l1t_account {
	struct l1t_cell *open;
	u64 exit_ticks;
	u64 entry_ticks;
	u64 guest_ticks;
	u64 unpaired_entries;
	u64 lost_cells;
	u64 kvm_exits_base;
	u16 nr_cells;
	u8 nr_chunks;
	bool refill_queued;
	struct callback_head refill;
	struct l1t_chunk *chunks[L1T_CHUNKS];
	u8 index[L1T_LEVELS][L1T_SLOTS];
};

int l1t_account_init(struct l1t_account *acct);
void l1t_account_close(struct l1t_account *acct);
void l1t_account_free(struct l1t_account *acct);
const struct l1t_cell *l1t_account_cell(const struct l1t_account *acct,
					unsigned int n);
unsigned int l1t_account_cells(const struct l1t_account *acct);

/**
 * struct l1t_sample - what a reader takes from a cell, or a sum of such
 */
struct l1t_sample {
	u64 count;
	u64 time_ns;
	u64 max_ns;
	u64 hist[L1T_HIST_BUCKETS];
};

void l1t_cell_add_to(const struct l1t_cell *cell, struct l1t_sample *sum);

/* The probes; attach.c registers them. */
void l1t_probe_exit(void *data, unsigned long a1, unsigned long a2,
		    unsigned long a3);
void l1t_probe_entry(void *data, struct kvm_vcpu *vcpu);
void l1t_exit_forget(const struct kvm_vcpu *vcpu);
u64 l1t_exit_unattributed(void);

/*
 * Where KVM keeps the reason of the last exit. 0: not known, and reasons are
 * counted as UNKNOWN.
 */
extern u32 l1t_vmx_reason_offset;
extern bool l1t_svm_reason_known;

#endif
