/* SPDX-License-Identifier: GPL-2.0 */
/* Guests that use VMX or SVM themselves. */
#ifndef L1TUNE_NESTED_H
#define L1TUNE_NESTED_H

#include "guest.h"

enum l1t_nested { L1T_NESTED_OFF, L1T_NESTED_ON, L1T_NESTED_RUNNING };

const char *l1t_nested_name(enum l1t_nested nested);
enum l1t_nested l1t_vcpu_nested(const struct l1t_vcpu *v);
enum l1t_nested l1t_guest_nested(struct l1t_guest *g);
bool l1t_nested_is_tracked(void);

void l1t_nested_track(bool on);
void l1t_nested_vcpu(struct l1t_vcpu *v);
void l1t_nested_forget(struct l1t_vcpu *v);
void l1t_nested_set(struct l1t_vcpu *v, bool on);
void l1t_nested_ask(struct l1t_vcpu *v);
void l1t_nested_queue(struct l1t_vcpu *v);
u64 l1t_nested_unadmitted(void);

#endif
