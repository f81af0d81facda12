/* SPDX-License-Identifier: GPL-2.0 */
/* Counts that are summed over vCPUs, guests and tenants. */
#ifndef L1TUNE_COUNTS_H
#define L1TUNE_COUNTS_H

#include "part.h"

/**
 * struct l1t_counts - counts that are summed over vCPUs and guests
 * @exits: number of exits
 * @exit_time_ns: from exits to the next entries
 * @guest_time_ns: in the guest
 * @untraced: exits that KVM counted without its tracepoint
 * @parts_ns: of @exit_time_ns, by part
 * @stolen_ns: what L0 stole; valid only if l1t_stolen_state() is L1T_STEAL_OK
 * @unpaired_entries: see struct l1t_account
 * @lost_cells: see struct l1t_account
 * @l3_entries: see struct l1t_account
 * @l3_exits_handled: see struct l1t_account
 * @l3_exits_left: see struct l1t_account
 */
struct l1t_counts {
	u64 exits;
	u64 exit_time_ns;
	u64 guest_time_ns;
	u64 untraced;
	u64 parts_ns[L1T_PARTS_AND_KERNEL];
	u64 stolen_ns;
	u64 unpaired_entries;
	u64 lost_cells;
	u64 l3_entries;
	u64 l3_exits_handled;
	u64 l3_exits_left;
};

void l1t_counts_add(struct l1t_counts *sum, const struct l1t_counts *more);

#endif
