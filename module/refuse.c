// SPDX-License-Identifier: GPL-2.0
/*
 * Saying no to KVM. These run at the entry of a function of KVM's that can
 * fail, with its arguments, and decide: when they say yes they leave things as
 * they are, and the function runs. When they say no a function of ours takes
 * its place, which returns an error and nothing else; KVM unwinds as it does
 * for errors of its own.
 *
 * Context: preemption is off.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kvm_host.h>

#include "compat.h"
#include "guest.h"
#include "hook.h"
#include "limit.h"
#include "nested.h"
#include "refuse.h"
#include "vm.h"

unsigned long l1t_undefined_ip;

static noinline notrace long refused_edquot(void)
{
	return -EDQUOT;
}

static noinline notrace long refused_eperm(void)
{
	return -EPERM;
}

static noinline notrace long refused_enomem(void)
{
	return -ENOMEM;
}

static void refuse(struct pt_regs *regs, int err)
{
	switch (err) {
	case 0:
		return;
	case -EDQUOT:
		regs->ip = (unsigned long)refused_edquot;
		return;
	case -EPERM:
		regs->ip = (unsigned long)refused_eperm;
		return;
	default:
		regs->ip = (unsigned long)refused_enomem;
		return;
	}
}

/**
 * l1t_refuse_vm() - kvm_arch_init_vm(kvm, type): a VM is being created
 * @regs: at its entry
 */
void l1t_refuse_vm(struct pt_regs *regs)
{
	refuse(regs, l1t_birth_demand(&(struct l1t_demand){
		.kvm = l1t_argument(regs, 0),
		.vm = true,
	}));
}

/**
 * l1t_refuse_vcpu() - kvm_arch_vcpu_precreate(kvm, id): a vCPU is being created
 * @regs: at its entry
 */
void l1t_refuse_vcpu(struct pt_regs *regs)
{
	refuse(regs, l1t_birth_demand(&(struct l1t_demand){
		.kvm = l1t_argument(regs, 0),
		.vcpu = true,
		.vcpu_id = (unsigned long)l1t_argument(regs, 1),
	}));
}

/**
 * l1t_refuse_memory() - kvm_arch_prepare_memory_region(kvm, ...): a memory
 * slot is about to change
 * @regs: at its entry
 *
 * Only what adds guest memory is looked at. The VM's slots_lock is held.
 */
void l1t_refuse_memory(struct pt_regs *regs)
{
	struct l1t_slot_change c;

	l1t_prepare_args(regs, &c);
	if (c.change != KVM_MR_CREATE || c.new->id >= KVM_USER_MEM_SLOTS)
		return;
	refuse(regs, l1t_birth_demand(&(struct l1t_demand){
		.kvm = c.kvm,
		.memory_bytes = l1t_vm_memory_bytes_with(c.kvm, c.as_id,
							 c.new->npages),
	}));
}

/*
 * A vCPU that already uses VMX or SVM goes on without more ado: on AMD this is
 * asked at every entry of an L3.
 */
static int admit_nested(struct kvm_vcpu *vcpu, bool restore)
{
	const struct l1t_vcpu *v;
	bool on;

	rcu_read_lock();
	v = l1t_vcpu_find(vcpu);
	on = v && READ_ONCE(v->nested);
	rcu_read_unlock();
	if (on)
		return 0;
	return l1t_birth_demand(&(struct l1t_demand){
		.kvm = vcpu->kvm,
		.nested = true,
		.restore = restore,
	});
}

static void nested_set(struct kvm_vcpu *vcpu, bool on)
{
	struct l1t_vcpu *v;

	raw_spin_lock(&l1t_lock);
	v = l1t_vcpu_find(vcpu);
	if (v)
		l1t_nested_set(v, on);
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_refuse_vmxon() - handle_vmxon(vcpu): a guest executes VMXON
 * @regs: at its entry
 */
void l1t_refuse_vmxon(struct pt_regs *regs)
{
	if (admit_nested(l1t_argument(regs, 0), false))
		regs->ip = l1t_undefined_ip;
}

/**
 * l1t_vmx_entered() - enter_vmx_operation(vcpu): VMXON, or restored state,
 * is as it should be
 * @regs: at its entry
 */
void l1t_vmx_entered(struct pt_regs *regs)
{
	nested_set(l1t_argument(regs, 0), true);
}

/**
 * l1t_nested_left() - free_nested(vcpu), svm_free_nested(svm): VMXOFF, the end
 * of EFER.SVME, a reset, the vCPU's end
 * @regs: at its entry; struct vcpu_svm begins with its struct kvm_vcpu
 */
void l1t_nested_left(struct pt_regs *regs)
{
	nested_set(l1t_argument(regs, 0), false);
}

/**
 * l1t_refuse_vmrun() - vmrun_interception(vcpu): a guest executes VMRUN
 * @regs: at its entry
 */
void l1t_refuse_vmrun(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = l1t_argument(regs, 0);

	if (!(vcpu->arch.efer & EFER_SVME))
		return;
	if (admit_nested(vcpu, false))
		regs->ip = l1t_undefined_ip;
	else
		nested_set(vcpu, true);
}

/**
 * l1t_refuse_vmx_state() - vmx_set_nested_state(vcpu, user_state, state)
 * @regs: at its entry
 *
 * A reset sets state too, which has no VMXON in it.
 */
void l1t_refuse_vmx_state(struct pt_regs *regs)
{
	const struct kvm_nested_state *state = l1t_argument(regs, 2);

	if (state->hdr.vmx.vmxon_pa != INVALID_PAGE)
		refuse(regs, admit_nested(l1t_argument(regs, 0), true));
}

/**
 * l1t_refuse_svm_state() - svm_set_nested_state(vcpu, user_state, state)
 * @regs: at its entry
 */
void l1t_refuse_svm_state(struct pt_regs *regs)
{
	const struct kvm_nested_state *state = l1t_argument(regs, 2);

	if (state->flags & KVM_STATE_NESTED_GUEST_MODE)
		refuse(regs, admit_nested(l1t_argument(regs, 0), true));
}
