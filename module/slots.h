/* SPDX-License-Identifier: GPL-2.0 */
/* How much memory a guest has, as its memory slots change. */
#ifndef L1TUNE_SLOTS_H
#define L1TUNE_SLOTS_H

#include "compat.h"
#include "guest.h"

void l1t_slots_set(struct l1t_guest *g, u64 bytes, u64 slot_bytes);
bool l1t_slots_count(struct l1t_guest *g, const struct kvm *kvm);
void l1t_slots_changed(struct l1t_guest *g, const struct l1t_slot_change *change,
		       u64 added, u64 removed);

#endif
