/* SPDX-License-Identifier: GPL-2.0 */
/* What a VMM's threads have asked for in ioctls on KVM, and have not got yet. */
#ifndef L1TUNE_CALL_H
#define L1TUNE_CALL_H

#include "guest.h"

struct l1t_call *l1t_call_of_current(struct l1t_guest *g);
struct l1t_call *l1t_call_get(struct l1t_guest *g);
void l1t_call_ask_vcpu(struct l1t_call *call);
void l1t_call_ask_memory(struct l1t_call *call, u64 bytes);
bool l1t_call_asks_vcpu(const struct l1t_guest *g);
void l1t_call_release_vcpu(struct l1t_call *call);
void l1t_call_release(struct l1t_call *call);
void l1t_calls_release(struct l1t_guest *g);
void l1t_vcpu_reserve(struct l1t_guest *g, const struct kvm_vcpu *vcpu);
void l1t_vcpu_unreserve(struct l1t_guest *g, const struct kvm_vcpu *vcpu);

#endif
