/* SPDX-License-Identifier: GPL-2.0 */
/* Saying no to KVM: what the functions of attach.c's refusals come to. */
#ifndef L1TUNE_REFUSE_H
#define L1TUNE_REFUSE_H

#include <linux/ptrace.h>

/* KVM's own handler for an instruction that does not exist. */
extern unsigned long l1t_undefined_ip;

void l1t_refuse_vm(struct pt_regs *regs);
void l1t_refuse_vcpu(struct pt_regs *regs);
void l1t_refuse_memory(struct pt_regs *regs);
void l1t_refuse_vmxon(struct pt_regs *regs);
void l1t_refuse_vmrun(struct pt_regs *regs);
void l1t_refuse_vmx_state(struct pt_regs *regs);
void l1t_refuse_svm_state(struct pt_regs *regs);
void l1t_vmx_entered(struct pt_regs *regs);
void l1t_nested_left(struct pt_regs *regs);

#endif
