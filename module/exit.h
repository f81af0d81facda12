/* SPDX-License-Identifier: GPL-2.0 */
/* The hot path: what one exit and one entry of a vCPU write. */
#ifndef L1TUNE_EXIT_H
#define L1TUNE_EXIT_H

#include <linux/kvm_host.h>

#include "account.h"

/* The probes; attach.c registers them. */
void l1t_probe_exit(void *data, unsigned long a1, unsigned long a2,
		    unsigned long a3);
void l1t_probe_entry(void *data, struct kvm_vcpu *vcpu);
void l1t_exit_init(void);
struct l1t_account *l1t_account_find(const struct kvm_vcpu *vcpu);
struct l1t_account *l1t_account_here(void);
void l1t_account_close(struct l1t_account *acct);
void l1t_exit_forget(const struct l1t_account *acct);
u64 l1t_exit_unattributed(void);

extern void (*l1t_exit_l3_entered)(struct l1t_account *acct);
extern const u32 l1t_no_reason;

/*
 * Where KVM keeps the reason of the last exit. 0: not known, and reasons are
 * counted as UNKNOWN.
 */
extern u32 l1t_vmx_reason_offset;
extern bool l1t_svm_reason_known;

#endif
