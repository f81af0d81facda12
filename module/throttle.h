/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Slowing an L2 that exits too often. The exit path knows only this: each
 * exit that the guest causes takes a token from its account's lease, and when
 * that is used up, l1t_pace_exit() is asked.
 */
#ifndef L1TUNE_THROTTLE_H
#define L1TUNE_THROTTLE_H

#include <linux/kvm_host.h>
#include <linux/limits.h>
#include <linux/spinlock.h>

#include "account.h"

struct l1t_guest;
struct l1t_vcpu;

/* Lasts for longer than the machine. */
#define L1T_LEASE_UNLIMITED	S64_MAX

/* A guest's own limit is none: it has the machine's. */
#define L1T_RATE_DEFAULT	(U64_MAX - 1)

/**
 * struct l1t_bucket - tokens that come at a steady rate
 * @empty_ns: when it was empty, or will be; CLOCK_MONOTONIC
 * @told_ns: when last was told that they did not suffice, or when the first
 *	one was asked for
 * @taken: exits since then
 * @exceeded: how often they did not suffice since then
 * @told: it has been told once
 */
struct l1t_bucket {
	u64 empty_ns;
	u64 told_ns;
	u64 taken;
	u64 exceeded;
	bool told;
};

/**
 * struct l1t_throttle - a guest's pace
 * @lock: protects the rest, and the leases of its vCPUs from all but them
 * @rate: exits per second, or L1T_NO_LIMIT or L1T_RATE_DEFAULT
 * @limit: tokens for exits
 * @audit: tokens that would be there for exits
 */
struct l1t_throttle {
	raw_spinlock_t lock;
	u64 rate;
	struct l1t_bucket limit;
	struct l1t_bucket audit;
};

void l1t_pace_exit(struct l1t_account *acct);

void l1t_throttle_init(struct l1t_throttle *t);
void l1t_throttle_vcpu(struct l1t_vcpu *v);
void l1t_throttle_set(struct l1t_guest *g, u64 rate);
void l1t_throttle_update(void);
void l1t_throttle_stop(void);

#endif
