// SPDX-License-Identifier: GPL-2.0
/*
 * Fills a vCPU's black box. Everything is read from memory: no VMREAD, no MSR. The
 * VMM can write struct kvm_run at any time: it is copied once, and nothing is looked
 * up by its contents.
 */
#include <linux/err.h>
#include <linux/oom.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <asm/syscall.h>
#include <asm/unistd.h>
#include <asm/vmx.h>

#include "box.h"
#include "clock.h"
#include "lock.h"

u32 l1t_vmx_qualification_offset __read_mostly;
u32 l1t_page_fault_key __read_mostly;

static struct kmem_cache *box_cache;

/**
 * l1t_boxes_init() - create the cache of boxes
 *
 * Return: 0 or -ENOMEM.
 */
int l1t_boxes_init(void)
{
	box_cache = kmem_cache_create("l1tune_box", sizeof(struct l1t_box), 0,
				      SLAB_ACCOUNT, NULL);
	return box_cache ? 0 : -ENOMEM;
}

/**
 * l1t_boxes_exit() - undo l1t_boxes_init(), after all boxes are freed
 */
void l1t_boxes_exit(void)
{
	kmem_cache_destroy(box_cache);
}

/* The current thread has left KVM_RUN and returns its result to user space. */
static void save_error(struct l1t_work *work, bool cancelled)
{
	struct l1t_account *acct =
		container_of(work, struct l1t_account, ask_error);
	struct pt_regs *regs = task_pt_regs(current);

	raw_spin_lock(&l1t_lock);
	if (acct->box && !cancelled) {
		acct->box->run.error = syscall_get_error(current, regs);
		acct->box->run.has_error = true;
	}
	raw_spin_unlock(&l1t_lock);
	l1t_work_done(work);
}

/**
 * l1t_box_init() - allocate a vCPU's box
 * @acct: the vCPU's account
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int l1t_box_init(struct l1t_account *acct)
{
	acct->box = kmem_cache_zalloc(box_cache, GFP_KERNEL_ACCOUNT);
	if (!acct->box)
		return -ENOMEM;
	l1t_work_init(&acct->ask_error, NULL, save_error);
	WRITE_ONCE(l1t_page_fault_key,
		   l1t_key(L1T_LEVEL2, l1t_isa() == L1T_ISA_VMX ?
			   EXIT_REASON_EPT_VIOLATION : l1t_slot_usual(SVM_EXIT_NPF)));
	return 0;
}

/**
 * l1t_box_free() - free a box that is not reachable any more
 * @box: from l1t_box_init(), or NULL
 */
void l1t_box_free(struct l1t_box *box)
{
	if (box)
		kmem_cache_free(box_cache, box);
}

static notrace void save_svm(struct l1t_state_regs *regs, const struct vmcb *vmcb)
{
	regs->has |= L1T_HAS_RIP | L1T_HAS_RSP | L1T_HAS_RFLAGS | L1T_HAS_CRS |
		     L1T_HAS_INFO1 | L1T_HAS_INFO2;
	regs->rip = vmcb->save.rip;
	regs->gprs[VCPU_REGS_RSP] = vmcb->save.rsp;
	regs->rflags = vmcb->save.rflags;
	regs->cr0 = vmcb->save.cr0;
	regs->cr3 = vmcb->save.cr3;
	regs->cr4 = vmcb->save.cr4;
	regs->info1 = vmcb->control.exit_info_1;
	regs->info2 = vmcb->control.exit_info_2;
	regs->int_info = vmcb->control.exit_int_info;
}

static notrace void save_vmx(struct l1t_state_regs *regs,
			     const struct kvm_vcpu *vcpu)
{
	const void *place = (const void *)vcpu + l1t_vmx_qualification_offset;

	if (l1t_vcpu_has_rip(vcpu)) {
		regs->has |= L1T_HAS_RIP;
		regs->rip = l1t_vcpu_rip(vcpu);
	}
	if (l1t_vmx_qualification_offset && l1t_vcpu_has_qualification(vcpu)) {
		regs->has |= L1T_HAS_INFO1;
		regs->info1 = *(const u64 *)place;
	}
}

/**
 * l1t_box_save_state() - save the vCPU's registers
 * @acct: the vCPU's account
 * @vcpu: the vCPU, loaded by the current thread; its exit has just been counted or
 *	is being handled
 *
 * Context: preemption disabled.
 */
notrace void l1t_box_save_state(struct l1t_account *acct,
				const struct kvm_vcpu *vcpu)
{
	struct l1t_state_regs *regs;
	unsigned int i;

	if (!acct->box)
		return;
	regs = &acct->box->regs;
	regs->since_ticks = acct->since_ticks;
	regs->has = L1T_HAS_GPRS;
	for (i = 0; i < L1T_GPRS; i++)
		regs->gprs[i] = vcpu->arch.regs[i];
	regs->efer = vcpu->arch.efer;
	regs->vector = l1t_vcpu_exception(vcpu);
	regs->is_queued = vcpu->arch.exception.pending ||
			  vcpu->arch.exception.injected;
	if (l1t_isa() == L1T_ISA_SVM)
		save_svm(regs, l1t_vmcb_of(vcpu));
	else
		save_vmx(regs, vcpu);
}

/**
 * l1t_box_left_run() - KVM_RUN is about to return a possible end of the guest
 * @acct: of the vCPU that the current thread ran
 * @vcpu: the vCPU
 *
 * Context: preemption disabled; l1t_box_judge() returned true.
 */
notrace void l1t_box_left_run(struct l1t_account *acct, const struct kvm_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	struct l1t_run_end *end;

	if (!acct->box)
		return;
	end = &acct->box->run;
	end->since_ticks = acct->since_ticks;
	end->reason = READ_ONCE(run->exit_reason);
	end->has_error = false;
	memcpy(end->words, run->padding, sizeof(end->words));
	/* If KVM has reset the vCPU, they were saved before. */
	if (acct->box->regs.since_ticks != acct->since_ticks)
		l1t_box_save_state(acct, vcpu);
	l1t_work_queue(&acct->ask_error);
}

static void save_port(struct l1t_port *port, const struct kvm_vcpu *vcpu)
{
	unsigned int size = vcpu->arch.pio.size;

	if (size != 1 && size != 2 && size != 4)
		return;
	port->size = size;
	port->port = vcpu->arch.pio.port;
	port->is_in = vcpu->arch.pio.in;
	if (vcpu->arch.pio_data)
		memcpy(&port->value, vcpu->arch.pio_data, size);
}

/*
 * A kernel thread of the VMM's thread group may be the last to release a vCPU; it
 * has neither the VMM's exit code nor its name.
 */
static void save_vmm(struct l1t_vmm_end *vmm, const struct task_struct *runner,
		     pid_t creator)
{
	const struct signal_struct *signal = current->signal;
	pid_t vmm_pid = runner ? runner->tgid : creator;

	if (vmm_pid != current->tgid)
		return;
	vmm->is = L1T_VMM_RUNS;
	if (!(current->flags & PF_EXITING))
		return;
	vmm->is = L1T_VMM_EXITS;
	vmm->code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code :
							current->exit_code;
	vmm->oom = tsk_is_oom_victim(current);
}

/**
 * l1t_box_close() - a vCPU is being destroyed
 * @acct: its account, before l1t_account_close()
 * @vcpu: the vCPU, which no longer runs
 * @creator: thread group id of the process that created its VM
 *
 * Context: l1t_lock held.
 */
void l1t_box_close(struct l1t_account *acct, const struct kvm_vcpu *vcpu,
		   pid_t creator)
{
	struct l1t_box *box = acct->box;

	if (!box)
		return;
	box->id = vcpu->vcpu_id;
	box->is_final = box->run.since_ticks &&
			box->run.since_ticks == acct->since_ticks && acct->open;
	box->mp_state = vcpu->arch.mp_state;
	box->first_ticks = acct->first_ticks;
	save_port(&box->port, vcpu);
	save_vmm(&box->vmm, acct->split.away.thread, creator);
	l1t_ring_read(acct, &box->past);
	box->is_closed = true;
}
