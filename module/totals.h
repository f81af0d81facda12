/* SPDX-License-Identifier: GPL-2.0 */
/* Sums over vCPUs and guests. */
#ifndef L1TUNE_TOTALS_H
#define L1TUNE_TOTALS_H

#include "guest.h"

/**
 * struct l1t_totals - sums since load, including ended guests
 * @counts: of all guests
 * @vms: number of guests
 * @vcpus: number of their vCPUs
 * @unattributed: exits of vCPUs that have no account
 */
struct l1t_totals {
	struct l1t_counts counts;
	u64 vms;
	u64 vcpus;
	u64 unattributed;
};

void l1t_vcpu_counts(struct l1t_vcpu *v, struct l1t_counts *sum);
void l1t_guest_counts(struct l1t_guest *g, struct l1t_counts *sum);
void l1t_guest_retire(struct l1t_guest *g);
void l1t_guests_walk(void (*fn)(struct l1t_guest *g, void *arg), void *arg);
void l1t_totals(struct l1t_totals *t);
void l1t_tenant_totals(struct l1t_tenant *tenant, struct l1t_totals *t);
enum l1t_steal_state l1t_stolen_state(void);

#endif
