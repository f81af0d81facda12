/* SPDX-License-Identifier: GPL-2.0 */
/* The hot path: what one exit and one entry of a vCPU write. */
#ifndef L1TUNE_EXIT_H
#define L1TUNE_EXIT_H

#include <linux/jump_label.h>
#include <linux/kvm_host.h>

#include "account.h"
#include "cfi.h"

/* The probes; attach.c registers them. */
#ifdef L1T_PROBES_TYPED
void l1t_probe_exit(void *data, struct kvm_vcpu *vcpu, u32 isa);
void l1t_probe_entry(void *data, struct kvm_vcpu *vcpu,
		     bool force_immediate_exit);
#else
void l1t_probe_exit(void *data, unsigned long a1, unsigned long a2,
		    unsigned long a3);
void l1t_probe_entry(void *data, struct kvm_vcpu *vcpu);
#endif

void l1t_exit_unknown_leaves(void);
void l1t_exit_pace_needed(bool needed);
void l1t_account_close(struct l1t_account *acct);
u64 l1t_exit_unattributed(void);

/*
 * Called, with preemption disabled, before an entry into L3 that does not follow an
 * exit of L3; or NULL.
 */
extern void (*l1t_exit_l3_entered)(struct l1t_account *acct);

/* Enabled while anything is paced, see l1t_exit_pace_needed(). */
DECLARE_STATIC_KEY_FALSE(l1t_paced);

/*
 * Where KVM keeps the reason of the last exit. If 0 or false it is not known, and
 * exits are counted as UNKNOWN.
 */
extern u32 l1t_vmx_reason_offset;
extern bool l1t_svm_reason_known;

#endif
