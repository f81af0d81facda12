// SPDX-License-Identifier: GPL-2.0
/*
 * Refuses what exceeds a limit. The hooks run at the entry of KVM's functions that can
 * fail, with their arguments. If they admit, they change nothing, and KVM's function
 * runs. If they refuse, a function of ours replaces it, which only returns an error; KVM
 * cleans up as it does after its own errors.
 *
 * What was admitted stays reserved in the ledger until KVM has created it, or until the
 * thread's ioctl returns.
 *
 * Context: preemption disabled.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kvm_host.h>

#include "admit.h"
#include "call.h"
#include "compat.h"
#include "life.h"
#include "limit.h"
#include "memory.h"
#include "nested.h"
#include "refuse.h"
#include "throttle.h"

static unsigned long undefined_ip;

static noinline notrace long refused_edquot(void)
{
	return -EDQUOT;
}

static noinline notrace long refused_eperm(void)
{
	return -EPERM;
}

static noinline notrace long refused_eagain(void)
{
	return -EAGAIN;
}

/* To KVM's handler of RSM this means that the saved state cannot be loaded. */
static noinline notrace long refused_rsm(void)
{
	return 1;
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
		regs->ip = (unsigned long)refused_eagain;
		return;
	}
}

/* Reserve what was admitted until the thread's ioctl returns. */
static void reserve(struct l1t_call *call, const struct l1t_demand *demand)
{
	u64 bytes = l1t_demand_peak_bytes(demand);

	if (demand->vcpu)
		l1t_call_ask_vcpu(call);
	if (bytes)
		l1t_call_ask_memory(call, bytes);
}

/* @demand: all members but the guest */
static int ask(struct kvm *kvm, struct l1t_demand *demand)
{
	struct l1t_call *call = NULL;
	struct l1t_guest *g;
	int err;

	if (!l1t_life_is_open())
		return 0;
	raw_spin_lock(&l1t_lock);
	g = l1t_life_meet(kvm, demand->vm);
	demand->guest = g;
	if (g)
		call = l1t_call_get(g);
	if (call)
		err = l1t_admit(demand);
	else
		err = l1t_admit_unreserved(demand);
	if (call && !err)
		reserve(call, demand);
	if (g && err && demand->vm)
		l1t_guest_refuse(g);
	raw_spin_unlock(&l1t_lock);
	if (call)
		l1t_life_queue(g);
	return err;
}

/* kvm_arch_init_vm(kvm, type): a VM is being created */
static void refuse_vm(struct pt_regs *regs)
{
	refuse(regs, ask(l1t_argument(regs, 0), &(struct l1t_demand){
		.vm = true,
	}));
}

/* kvm_arch_vcpu_precreate(kvm, id): a vCPU is being created */
static void refuse_vcpu(struct pt_regs *regs)
{
	refuse(regs, ask(l1t_argument(regs, 0), &(struct l1t_demand){
		.vcpu = true,
	}));
}

/*
 * kvm_arch_prepare_memory_region(kvm, ...): a memory slot is about to change. Only
 * changes that add memory are checked. Moving a slot does if the other address space has the
 * same memory at the old address only. The VM's slots_lock is held.
 */
static void refuse_memory(struct pt_regs *regs)
{
	struct l1t_slot_change change;
	u64 added, removed;

	l1t_prepare_args(regs, &change);
	if (change.change != KVM_MR_CREATE && change.change != KVM_MR_MOVE)
		return;
	added = l1t_memory_added_bytes(&change);
	removed = l1t_memory_removed_bytes(&change);
	if (added <= removed)
		return;
	refuse(regs, ask(change.kvm, &(struct l1t_demand){
		.more_memory_bytes = added - removed,
		.more_slot_bytes = l1t_memory_slot_bytes(change.new) -
				   l1t_memory_slot_bytes(change.old),
	}));
}

static bool is_known(const struct kvm_vcpu *vcpu)
{
	bool known;

	rcu_read_lock();
	known = l1t_vcpu_find(vcpu);
	rcu_read_unlock();
	return known;
}

/*
 * kvm_arch_vcpu_ioctl_run(vcpu): a thread enters KVM_RUN. A vCPU that cannot have an
 * account cannot be paced: its VMM has too many calls in flight, or no memory.
 */
static void refuse_run(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = l1t_argument(regs, 0);
	int err;

	if (is_known(vcpu) || l1t_life_vcpu_runs(vcpu))
		return;
	raw_spin_lock(&l1t_lock);
	err = l1t_admit_unreserved(&(struct l1t_demand){
		.guest = l1t_guest_find(vcpu->kvm),
		.run = true,
	});
	raw_spin_unlock(&l1t_lock);
	refuse(regs, err);
}

static bool is_nested(const struct kvm_vcpu *vcpu)
{
	const struct l1t_vcpu *v;
	bool on;

	rcu_read_lock();
	v = l1t_vcpu_find(vcpu);
	on = v && READ_ONCE(v->nested);
	rcu_read_unlock();
	return on;
}

/* @entered: no other hook is called before the vCPU uses it */
static int ask_nested(struct kvm_vcpu *vcpu, bool restore, bool entered)
{
	struct l1t_demand demand = { .nested = true, .restore = restore };
	struct l1t_vcpu *v;
	int err = 0;

	if (!l1t_life_is_open())
		return 0;
	raw_spin_lock(&l1t_lock);
	v = l1t_vcpu_find(vcpu);
	if (!v) {
		err = l1t_admit_unreserved(&demand);
	} else {
		demand.guest = v->guest;
		if (!v->nested && !v->nested_asked)
			err = l1t_admit(&demand);
		if (!err && entered)
			l1t_nested_set(v, true);
		else if (!err)
			l1t_nested_ask(v);
	}
	raw_spin_unlock(&l1t_lock);
	if (v && !err && !entered)
		l1t_nested_queue(v);
	return err;
}

static void set_nested(struct kvm_vcpu *vcpu, bool on)
{
	struct l1t_vcpu *v;

	raw_spin_lock(&l1t_lock);
	v = l1t_vcpu_find(vcpu);
	if (v)
		l1t_nested_set(v, on);
	raw_spin_unlock(&l1t_lock);
}

/*
 * handle_vmxon(vcpu): a guest executes VMXON, which exits whether CR4.VMXE is set or
 * not. If it is not, KVM injects the fault.
 */
static void refuse_vmxon(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = l1t_argument(regs, 0);

	if (!(vcpu->arch.cr4 & X86_CR4_VMXE) || is_nested(vcpu))
		return;
	if (ask_nested(vcpu, false, false))
		regs->ip = undefined_ip;
}

/* enter_vmx_operation(vcpu): VMXON, or restored state, is valid */
static void vmx_entered(struct pt_regs *regs)
{
	set_nested(l1t_argument(regs, 0), true);
}

/*
 * free_nested(vcpu), svm_free_nested(svm): VMXOFF, EFER.SVME is cleared, a reset, new
 * state is set, or the vCPU is destroyed. struct vcpu_svm begins with struct kvm_vcpu.
 */
static void nested_left(struct pt_regs *regs)
{
	set_nested(l1t_argument(regs, 0), false);
}

/* vmrun_interception(vcpu): a guest executes VMRUN */
static void refuse_vmrun(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = l1t_argument(regs, 0);

	if (!(vcpu->arch.efer & EFER_SVME) || is_nested(vcpu))
		return;
	if (ask_nested(vcpu, false, true))
		regs->ip = undefined_ip;
}

/*
 * vmx_set_nested_state(vcpu, user_state, state). A reset sets state too, with no VMXON
 * in it. KVM ends an earlier use and begins a new one: the place is kept meanwhile.
 */
static void refuse_vmx_state(struct pt_regs *regs)
{
	const struct kvm_nested_state *state = l1t_argument(regs, 2);

	if (state->hdr.vmx.vmxon_pa != INVALID_PAGE)
		refuse(regs, ask_nested(l1t_argument(regs, 0), true, false));
}

/*
 * svm_set_nested_state(vcpu, user_state, state). A guest with EFER.SVME set is a
 * hypervisor even while its own guest does not run. If it is refused here, the migration
 * fails and it continues at the source; if only its next VMRUN were refused, it would get #UD.
 */
static void refuse_svm_state(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = l1t_argument(regs, 0);

	/* Without EFER.SVME KVM accepts no state of a running L3. */
	if (vcpu->arch.efer & EFER_SVME)
		refuse(regs, ask_nested(vcpu, true, true));
}

/* Offsets in the state that an SMI saves: EFER, and whether L3 was running. */
#define SMRAM_EFER	0xd0
#define SMRAM_SVM_GUEST	0xd8

/*
 * svm_leave_smm(vcpu, smram), svm_pre_leave_smm(vcpu, smram): a guest executes RSM, with
 * saved state that it may have changed.
 */
static void refuse_rsm(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = l1t_argument(regs, 0);
	const void *smram = l1t_argument(regs, 1);

	if (!*(const u64 *)(smram + SMRAM_SVM_GUEST) ||
	    !(*(const u64 *)(smram + SMRAM_EFER) & EFER_SVME) || is_nested(vcpu))
		return;
	if (ask_nested(vcpu, false, true))
		regs->ip = (unsigned long)refused_rsm;
}

static struct l1t_function vm_functions[] = {
	{ L1T_HOOK_REFUSE_VM, "kvm_arch_init_vm", NULL, refuse_vm },
};

static struct l1t_function vcpu_functions[] = {
	{ L1T_HOOK_REFUSE_VCPU, "kvm_arch_vcpu_precreate", NULL, refuse_vcpu },
};

static struct l1t_function memory_functions[] = {
	{ L1T_HOOK_REFUSE_MEMORY, "kvm_arch_prepare_memory_region", NULL,
	  refuse_memory },
};

static struct l1t_function run_functions[] = {
	{ L1T_HOOK_REFUSE_RUN, "kvm_arch_vcpu_ioctl_run", NULL, refuse_run },
};

static struct l1t_function vmx_functions[] = {
	{ L1T_HOOK_REFUSE_NESTED, "handle_vmxon", "handle_vmon", refuse_vmxon },
	{ L1T_HOOK_REFUSE_NESTED, "vmx_set_nested_state", NULL,
	  refuse_vmx_state },
	{ L1T_HOOK_REFUSE_NESTED, "enter_vmx_operation", NULL, vmx_entered },
	{ L1T_HOOK_REFUSE_NESTED, "free_nested", NULL, nested_left },
};

static struct l1t_function svm_functions[] = {
	{ L1T_HOOK_REFUSE_NESTED, "vmrun_interception", NULL, refuse_vmrun },
	{ L1T_HOOK_REFUSE_NESTED, "svm_leave_smm", "svm_pre_leave_smm", refuse_rsm,
	  .optional = !IS_ENABLED(CONFIG_KVM_SMM) },
	{ L1T_HOOK_REFUSE_NESTED, "svm_set_nested_state", NULL,
	  refuse_svm_state },
	{ L1T_HOOK_REFUSE_NESTED, "svm_free_nested", NULL, nested_left },
};

/* A place that was asked for is given back when the thread leaves its ioctl. */
static bool nested_usable(void)
{
	return l1t_life_is_open() && l1t_hook_state(L1T_HOOK_PUT) == L1T_HOOK_OK;
}

/* An audit threshold of a rate refuses no vCPU. */
static enum l1t_need run_need(enum l1t_hook hook)
{
	return l1t_throttle_need(hook) == L1T_NEED_REFUSE ? L1T_NEED_REFUSE : L1T_NEED_NONE;
}

/* Limits of vCPUs and memory need the hooks that count what has been created or changed. */
static bool vcpus_usable(void)
{
	return l1t_life_is_open() && l1t_hook_state(L1T_HOOK_VCPU_CREATE) == L1T_HOOK_OK;
}

static bool memory_usable(void)
{
	return l1t_life_is_open() && l1t_hook_state(L1T_HOOK_MEMORY) == L1T_HOOK_OK;
}

#define REFUSAL(_hook, _functions, _need, _usable)			\
	{								\
		.hook = _hook,						\
		.isa = L1T_ISA_NONE,					\
		.set = L1T_MODIFIERS(_functions),			\
		.need = _need,						\
		.usable = _usable,					\
	}
#define NESTED_REFUSAL(_isa, _functions, _undefined)			\
	{								\
		.hook = L1T_HOOK_REFUSE_NESTED,				\
		.isa = _isa,						\
		.set = L1T_MODIFIERS(_functions),			\
		.need = l1t_limit_need,					\
		.usable = nested_usable,				\
		.target = _undefined,					\
		.target_ip = &undefined_ip,				\
		.attached = l1t_nested_track,				\
	}

struct l1t_optional l1t_refusals[L1T_REFUSALS] = {
	REFUSAL(L1T_HOOK_REFUSE_VM, vm_functions, l1t_limit_need, l1t_life_is_open),
	REFUSAL(L1T_HOOK_REFUSE_VCPU, vcpu_functions, l1t_limit_need, vcpus_usable),
	REFUSAL(L1T_HOOK_REFUSE_MEMORY, memory_functions, l1t_limit_need, memory_usable),
	REFUSAL(L1T_HOOK_REFUSE_RUN, run_functions, run_need, l1t_life_is_open),
	NESTED_REFUSAL(L1T_ISA_VMX, vmx_functions, "handle_vmx_instruction"),
	NESTED_REFUSAL(L1T_ISA_SVM, svm_functions, "skinit_interception"),
};
