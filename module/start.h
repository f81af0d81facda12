/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a guest starts: when its boot vCPU reached which mark, and what its exits had
 * cost until then. Each is written once, by that vCPU's thread, where exits are
 * unusual anyway.
 */
#ifndef L1TUNE_START_H
#define L1TUNE_START_H

#include <linux/kvm_host.h>

#include "account.h"

/* The marks of a start, in this order. */
enum l1t_mark {
	L1T_MARK_CREATED,	/* KVM_CREATE_VM */
	L1T_MARK_RUN,		/* the first KVM_RUN */
	L1T_MARK_ENTERED,	/* the first entry into the guest */
	L1T_MARK_PAGED,		/* the guest has turned paging on */
	L1T_MARK_END,		/* it is idle, or has used the port */
	L1T_MARKS
};

/* Each lasts from one mark to the next. */
enum l1t_phase {
	L1T_PHASE_SETUP,
	L1T_PHASE_ENTRY,
	L1T_PHASE_FIRMWARE,
	L1T_PHASE_BOOT,
	L1T_PHASES
};

extern const char * const l1t_phase_names[L1T_PHASES];

#define L1T_NO_PORT	U32_MAX

/* Reasons with a row of their own; the others share one more row. */
#define L1T_START_REASONS	26
#define L1T_START_ROWS		(L1T_START_REASONS + 1)

/**
 * struct l1t_start_row - exits for one reason up to a mark
 * @key: level and slot, see l1t_key()
 * @count: number of exits
 * @ticks: time from exit to entry
 * @parts_ticks: of @ticks, as in a cell
 */
struct l1t_start_row {
	u32 key;
	u64 count;
	u64 ticks;
	u64 parts_ticks[L1T_PARTS];
};

/**
 * struct l1t_start_sums - time in the guest and exits up to a mark
 * @guest_ticks: time in the guest
 * @nr: used rows
 * @rows: in the order in which the reasons first occurred; the last is all others
 */
struct l1t_start_sums {
	u64 guest_ticks;
	unsigned int nr;
	struct l1t_start_row rows[L1T_START_ROWS];
};

/**
 * struct l1t_start - how a guest starts
 * @port: its first access to this port ends the start; L1T_NO_PORT: its first
 *	halt with paging on does
 * @has_run: L1T_MARK_RUN was observed, not set together with L1T_MARK_ENTERED
 * @vcpu_ticks: when the creation of the vCPU ended
 * @halt_ticks: its first halt without paging; 0: none yet
 * @idle_ticks: its first halt with paging; likewise
 * @closed_ticks: when the vCPU was destroyed; 0: not yet
 * @open_parts_ticks: parts of the cell of the last watched exit when it began; the exit's
 *	own are added before it ends
 * @marks: when each was reached; 0: not yet. Released after what belongs to it
 * @paged: sums up to L1T_MARK_PAGED
 * @end: sums up to L1T_MARK_END
 */
struct l1t_start {
	u32 port;
	bool has_run;
	u64 vcpu_ticks;
	u64 halt_ticks;
	u64 idle_ticks;
	u64 closed_ticks;
	u64 open_parts_ticks[L1T_PARTS];
	u64 marks[L1T_MARKS];
	struct l1t_start_sums paged;
	struct l1t_start_sums end;
};

static inline u64 l1t_start_mark(const struct l1t_start *s, enum l1t_mark mark)
{
	/* Pairs with the release in set_mark(): what belongs to the mark is visible. */
	return smp_load_acquire(&s->marks[mark]);
}

/* The vCPU that the guest boots on. */
static inline bool l1t_start_boots(const struct kvm_vcpu *vcpu)
{
	return vcpu->vcpu_id == vcpu->kvm->arch.bsp_vcpu_id;
}

u32 l1t_start_port(void);
void l1t_start_set_port(u32 port);
struct l1t_start *l1t_start_alloc(void);
void l1t_start_free(struct l1t_start *s);
void l1t_start_begin(struct l1t_start *s, struct l1t_account *acct,
		     u64 created_ticks);
void l1t_start_run(struct l1t_start *s);
void l1t_start_exit(struct l1t_account *acct, const struct kvm_vcpu *vcpu,
		    unsigned int slot);
void l1t_start_look_for_port(struct l1t_account *acct, const struct kvm_vcpu *vcpu);
void l1t_start_entry(struct l1t_account *acct, const struct kvm_vcpu *vcpu,
		     struct l1t_cell *cell, u64 now);
void l1t_start_close(struct l1t_start *s, struct l1t_account *acct,
		     const struct kvm_vcpu *vcpu);

#endif
