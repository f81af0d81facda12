/* SPDX-License-Identifier: GPL-2.0 */
/* Adds guests and vCPUs to the registry and removes them, by hooks on KVM. */
#ifndef L1TUNE_LIFE_H
#define L1TUNE_LIFE_H

#include <linux/kvm_host.h>

#include "guest.h"
#include "hook.h"

extern struct l1t_functions l1t_life_functions;

void l1t_life_open(void);
void l1t_life_adopted(void);
void l1t_life_close(bool readable);
bool l1t_life_is_open(void);
void l1t_life_exit(void);

struct l1t_guest *l1t_life_meet(struct kvm *kvm, bool born);
void l1t_life_enter(struct l1t_guest *g, struct kvm *kvm);
void l1t_life_confirm(struct l1t_guest *g);
void l1t_life_add_vcpu(struct l1t_vcpu *v, struct kvm_vcpu *vcpu);
void l1t_life_queue(struct l1t_guest *g);
bool l1t_life_vcpu_runs(struct kvm_vcpu *vcpu);

#endif
