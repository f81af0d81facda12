/* SPDX-License-Identifier: GPL-2.0 */
/* A guest's start for readers: in nanoseconds, by phase. */
#ifndef L1TUNE_START_VIEW_H
#define L1TUNE_START_VIEW_H

#include "guest.h"

enum l1t_start_state {
	L1T_START_UNKNOWN,	/* older than the module, or a hook is missing */
	L1T_START_STARTING,
	L1T_START_STARTED,
	L1T_START_ENDED,	/* the guest ended before it had started */
	L1T_START_STATES
};

extern const char * const l1t_start_state_names[L1T_START_STATES];

/**
 * struct l1t_start_times - how long a guest's start took
 * @state: how far it has come
 * @port: that ends it, see struct l1t_start
 * @has_entry: L1T_PHASE_ENTRY is known, and not part of L1T_PHASE_SETUP
 * @nr: number of phases that have begun
 * @ns: how long each took, or has taken so far
 */
struct l1t_start_times {
	enum l1t_start_state state;
	u32 port;
	bool has_entry;
	unsigned int nr;
	u64 ns[L1T_PHASES];
};

/**
 * struct l1t_start_reason - exits for one reason within a phase
 * @key: level and slot
 * @count: number of exits
 * @parts_ns: their time
 */
struct l1t_start_reason {
	u32 key;
	u64 count;
	u64 parts_ns[L1T_PARTS_AND_KERNEL];
};

/**
 * struct l1t_start_guest - exits and time in the guest of the boot vCPU within a phase
 * @guest_ns: time in the guest
 * @nr: used entries of @reasons
 * @reasons: its exits
 */
struct l1t_start_guest {
	u64 guest_ns;
	unsigned int nr;
	struct l1t_start_reason reasons[L1T_START_ROWS];
};

/**
 * struct l1t_start_view - a guest's start
 * @times: of its phases
 * @memory_ns: from its creation to its first memory; 0: none yet
 * @vcpu_ns: likewise until its boot vCPU was created
 * @halt_ns: likewise to its first halt without paging
 * @idle_ns: likewise to its first halt with paging
 * @firmware: exits in that phase
 * @boot: likewise
 */
struct l1t_start_view {
	struct l1t_start_times times;
	u64 memory_ns;
	u64 vcpu_ns;
	u64 halt_ns;
	u64 idle_ns;
	struct l1t_start_guest firmware;
	struct l1t_start_guest boot;
};

void l1t_start_get_times(struct l1t_guest *g, struct l1t_start_times *times);
void l1t_start_get_view(struct l1t_guest *g, struct l1t_start_view *view);

#endif
