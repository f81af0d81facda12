/* SPDX-License-Identifier: GPL-2.0 */
/* A snapshot of a vCPU's last exits. exit.c writes them as each exit ends. */
#ifndef L1TUNE_RING_H
#define L1TUNE_RING_H

#include "account.h"

/**
 * struct l1t_past_exit - one of a vCPU's last exits
 * @since_ticks: when it began
 * @ticks: how long it took
 * @key: its level and slot, see l1t_key()
 */
struct l1t_past_exit {
	u64 since_ticks;
	u64 ticks;
	u32 key;
};

/* Those that have ended, and an open one. */
#define L1T_PAST_EXITS	(L1T_RING_EXITS + 1)

/**
 * struct l1t_past - a vCPU's last exits
 * @now_ticks: when they were read
 * @nr: number of @exits
 * @open: the last one has not ended; its time is up to @now_ticks
 * @exits: oldest first
 */
struct l1t_past {
	u64 now_ticks;
	unsigned int nr;
	bool open;
	struct l1t_past_exit exits[L1T_PAST_EXITS];
};

void l1t_ring_read(const struct l1t_account *acct, struct l1t_past *past);

#endif
