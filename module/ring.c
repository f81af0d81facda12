// SPDX-License-Identifier: GPL-2.0
/* Reads a vCPU's last exits, while they may be written. */
#include "clock.h"
#include "ring.h"

static void add_exit(struct l1t_past *past, u64 since_ticks, u64 ticks,
		     const struct l1t_cell *cell)
{
	past->exits[past->nr++] = (struct l1t_past_exit){
		.since_ticks = since_ticks,
		.ticks = ticks,
		.key = cell->key,
	};
}

static void add_ended(struct l1t_past *past, const struct l1t_ring_exit *e)
{
	const struct l1t_cell *cell = READ_ONCE(e->cell);

	if (cell)
		add_exit(past, e->end_ticks - e->ticks, e->ticks, cell);
}

/**
 * l1t_ring_read() - take a consistent snapshot of a vCPU's last exits
 * @acct: may be written concurrently
 * @past: filled in
 *
 * Takes no lock, and waits only for a CPU that is in the middle of a write.
 *
 * Context: process context, as an interrupt could wait for the write it interrupted.
 */
void l1t_ring_read(const struct l1t_account *acct, struct l1t_past *past)
{
	struct l1t_moment m;
	unsigned int i, place;

	do {
		l1t_account_read_begin(acct, &m);
		place = acct->ring_place / L1T_RING_STEP;
		past->nr = 0;
		/* The next place to be written has the oldest exit. */
		for (i = 0; i < L1T_RING_EXITS; i++)
			add_ended(past, &acct->ring[(place + i) % L1T_RING_EXITS]);
		past->now_ticks = l1t_ticks();
	} while (l1t_account_read_again(acct, &m));

	past->open = m.open;
	if (m.open)
		add_exit(past, m.since_ticks,
			 l1t_ticks_since(m.since_ticks, past->now_ticks), m.open);
}
