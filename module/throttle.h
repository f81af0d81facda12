/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Slows down an L2 that exits too often. The exit path does only this: each exit that
 * the guest causes takes a token from its account's lease, and when the lease is used
 * up, the account's @pace is queued.
 */
#ifndef L1TUNE_THROTTLE_H
#define L1TUNE_THROTTLE_H

#include "attach.h"
#include "guest.h"

/* A guest without its own limit: only the machine's and its tenants' apply. */
#define L1T_RATE_DEFAULT	(U64_MAX - 1)

extern struct l1t_optional l1t_throttle_timer;

enum l1t_need l1t_throttle_need(enum l1t_hook hook);
u64 l1t_throttle_rate(const struct l1t_guest *g);
void l1t_throttle_init(struct l1t_throttle *t);
void l1t_throttle_vcpu(struct l1t_vcpu *v);
void l1t_throttle_set(struct l1t_guest *g, u64 rate);
void l1t_throttle_update(void);
void l1t_throttle_stop(void);

#endif
