// SPDX-License-Identifier: GPL-2.0
/*
 * Copies the controls of a vCPU's VMCS or VMCB, for a reader.
 *
 * KVM keeps a copy of the VMCS or VMCB with which a vCPU enters its L3, in structs that
 * no header defines. BTF tells where. The copy is what KVM uses: no VMCS is accessed,
 * and nothing of KVM is called or changed.
 *
 * KVM frees the copy of a VMCS at VMXOFF, with the vCPU's mutex held. So it is read
 * while nobody can free it: with the mutex held, if it is free; otherwise while its
 * holder, usually the thread in KVM_RUN, does not run. A holder that is on a CPU is
 * interrupted there. If it is off its CPU, what was read is discarded if a check
 * afterwards finds that it ran meanwhile. KVM marks the copy as unused before it frees
 * it, so while the holder does not run an unmarked copy exists.
 */
#include <linux/delay.h>
#include <linux/kvm_host.h>
#include <linux/mutex.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include "btf.h"
#include "compat.h"
#include "controls.h"
#include "guest.h"
#include "reason.h"

/* Needed if the holder is switched in and out often. */
#define TRIES		50
#define PAUSE_US	200

#define NO_ADDRESS	(~0ull)
/* KVM uses these numbers for no address, and for an address that is not known yet. */
#define LAST_ADDRESS	(~0ull - 2)

/* A member, and its name in older kernels if it was renamed. */
struct name {
	const char *name;
	const char *old_name;
};

/* struct vmcs12 */
static const struct name vmcs_names[] = {
	{ "pin_based_vm_exec_control" },
	{ "cpu_based_vm_exec_control" },
	{ "secondary_vm_exec_control" },
	{ "vm_exit_controls" },
	{ "vm_entry_controls" },
	{ "exception_bitmap" },
	{ "page_fault_error_code_mask" },
	{ "page_fault_error_code_match" },
	{ "cr0_guest_host_mask" },
	{ "cr4_guest_host_mask" },
	{ "cr3_target_count" },
	{ "io_bitmap_a" },
	{ "io_bitmap_b" },
	{ "msr_bitmap" },
	{ "ept_pointer" },
	{ "virtual_processor_id" },
	{ "tsc_offset" },
	{ "tsc_multiplier" },
	{ "virtual_apic_page_addr" },
	{ "apic_access_addr" },
	{ "tpr_threshold" },
	{ "posted_intr_desc_addr" },
	{ "xss_exit_bitmap" },
	{ "vmread_bitmap" },
	{ "vmwrite_bitmap" },
	{ "vm_function_control" },
	{ "eptp_list_address" },
	{ "pml_address" },
	{ "vm_exit_msr_store_count" },
	{ "vm_exit_msr_load_count" },
	{ "vm_entry_msr_load_count" },
	{ "vm_instruction_error" },
};

/* nested.ctl in struct vcpu_svm */
static const struct name vmcb_names[] = {
	{ "intercepts" },
	{ "pause_filter_count" },
	{ "pause_filter_thresh" },
	{ "iopm_base_pa" },
	{ "msrpm_base_pa" },
	{ "tsc_offset" },
	{ "asid" },
	{ "tlb_ctl" },
	{ "int_ctl" },
	{ "misc_ctl", "nested_ctl" },
	{ "nested_cr3" },
	{ "misc_ctl2", "virt_ext" },
};

/* Where these are in the running KVM; under @layout_lock. */
static struct {
	bool looked;
	int err;
	struct l1t_place vmxon, address, evmcs, copy;
	const char *names[L1T_CONTROLS];
	struct l1t_place places[L1T_CONTROLS];
} layout;
static DEFINE_MUTEX(layout_lock);

static void find_control(const struct l1t_btf *s, const char *prefix, unsigned int n,
			 const struct name *name)
{
	struct l1t_place *place = &layout.places[n];
	const char *const names[] = { name->name, name->old_name };
	char path[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names) && names[i]; i++) {
		snprintf(path, sizeof(path), "%s%s", prefix, names[i]);
		if (l1t_btf_place(s, path, place) || place->size > sizeof(u64) ||
		    place->count > L1T_CONTROL_WORDS)
			continue;
		layout.names[n] = names[i];
		return;
	}
}

/* Does a struct begin with KVM's struct kvm_vcpu? */
static bool begins_with_vcpu(const struct l1t_btf *s)
{
	struct l1t_place vcpu;

	return !l1t_btf_place(s, "vcpu", &vcpu) && !vcpu.offset &&
	       vcpu.size == sizeof(struct kvm_vcpu);
}

static int find_word(const struct l1t_btf *s, const char *path, u32 size,
		     struct l1t_place *place)
{
	int err = l1t_btf_place(s, path, place);

	return err ? err : place->size == size && place->count == 1 ? 0 : -EPROTO;
}

static int find_vmx(void)
{
	struct l1t_btf vmx, vmcs;
	unsigned int i;
	int err;

	err = l1t_btf_find(&vmx, "vcpu_vmx");
	if (err)
		return err;
	err = begins_with_vcpu(&vmx) ? 0 : -EPROTO;
	err = err ?: find_word(&vmx, "nested.vmxon", sizeof(bool), &layout.vmxon);
	err = err ?: find_word(&vmx, "nested.current_vmptr", sizeof(u64), &layout.address);
	err = err ?: find_word(&vmx, "nested.cached_vmcs12", sizeof(void *), &layout.copy);
	/* Not in a KVM without Hyper-V. */
	if (find_word(&vmx, "nested.hv_evmcs_vmptr", sizeof(u64), &layout.evmcs))
		layout.evmcs.size = 0;
	l1t_btf_release(&vmx);
	err = err ?: l1t_btf_find(&vmcs, "vmcs12");
	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(vmcs_names); i++)
		find_control(&vmcs, "", i, &vmcs_names[i]);
	l1t_btf_release(&vmcs);
	return 0;
}

static int find_svm(void)
{
	struct l1t_btf svm;
	unsigned int i;
	int err;

	err = l1t_btf_find(&svm, "vcpu_svm");
	if (err)
		return err;
	err = begins_with_vcpu(&svm) ? 0 : -EPROTO;
	err = err ?: find_word(&svm, "nested.last_vmcb12_gpa", sizeof(u64), &layout.address);
	for (i = 0; i < ARRAY_SIZE(vmcb_names); i++)
		find_control(&svm, "nested.ctl.", i, &vmcb_names[i]);
	l1t_btf_release(&svm);
	return err;
}

static int find_layout(void)
{
	BUILD_BUG_ON(ARRAY_SIZE(vmcs_names) > L1T_CONTROLS);
	BUILD_BUG_ON(ARRAY_SIZE(vmcb_names) > L1T_CONTROLS);

	lockdep_assert_held(&layout_lock);
	if (layout.looked)
		return layout.err;
	memset(&layout, 0, sizeof(layout));
	layout.looked = true;
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		layout.err = -EOPNOTSUPP;
	else
		layout.err = l1t_isa() == L1T_ISA_VMX ? find_vmx() : find_svm();
	return layout.err;
}

/**
 * l1t_controls_forget() - the vendor module is unloaded, and may be replaced
 *
 * Context: may sleep.
 */
void l1t_controls_forget(void)
{
	mutex_lock(&layout_lock);
	layout.looked = false;
	mutex_unlock(&layout_lock);
}

/* A smaller member fills the low bytes of @value, because x86 is little-endian. */
static u64 word(const void *base, const struct l1t_place *place, unsigned int n)
{
	u64 value = 0;

	if (copy_from_kernel_nofault(&value, base + place->offset + n * place->size,
				     place->size))
		return 0;
	return value;
}

static void copy_list(const void *base, struct l1t_controls *c)
{
	unsigned int i, n;

	for (i = 0; i < L1T_CONTROLS; i++) {
		struct l1t_control *control = &c->list[i];

		control->name = layout.names[i];
		control->nr = control->name ? layout.places[i].count : 0;
		for (n = 0; n < control->nr; n++)
			control->values[n] = word(base, &layout.places[i], n);
	}
}

static void copy_vmcs(const struct kvm_vcpu *vcpu, struct l1t_controls *c)
{
	enum l1t_controls_kind kind = L1T_CONTROLS_VMCS;
	const void *vmcs;

	c->kind = L1T_CONTROLS_NONE;
	if (!word(vcpu, &layout.vmxon, 0))
		return;
	c->address = word(vcpu, &layout.address, 0);
	if (c->address == NO_ADDRESS && layout.evmcs.size) {
		kind = L1T_CONTROLS_ENLIGHTENED;
		c->address = word(vcpu, &layout.evmcs, 0);
	}
	/* At each entry KVM copies an enlightened VMCS to the same place as others. */
	vmcs = (const void *)(unsigned long)word(vcpu, &layout.copy, 0);
	if (c->address - 1 >= LAST_ADDRESS || !vmcs)
		return;
	c->kind = kind;
	copy_list(vmcs, c);
}

static void copy_vmcb(const struct kvm_vcpu *vcpu, struct l1t_controls *c)
{
	c->address = word(vcpu, &layout.address, 0);
	c->kind = c->address == NO_ADDRESS ? L1T_CONTROLS_NONE : L1T_CONTROLS_VMCB;
	if (c->kind == L1T_CONTROLS_VMCB)
		copy_list(vcpu, c);
}

/* The vCPU does not change meanwhile. Context: any; l1t_lock held. */
static void copy(const struct kvm_vcpu *vcpu, struct l1t_controls *c)
{
	if (!l1t_vm_is_plain(vcpu->kvm))
		c->kind = L1T_CONTROLS_NONE;
	else if (l1t_isa() == L1T_ISA_VMX)
		copy_vmcs(vcpu, c);
	else
		copy_vmcb(vcpu, c);
}

/* Without SMP the scheduler does not track this. */
static bool is_on_cpu(const struct task_struct *task)
{
#ifdef CONFIG_SMP
	/* Pairs with the release in finish_task(). */
	return smp_load_acquire(&task->on_cpu);
#else
	return task == current;
#endif
}

/* How often a task has been switched out. */
static u64 switches_of(const struct task_struct *task)
{
	return (u64)READ_ONCE(task->nvcsw) + READ_ONCE(task->nivcsw);
}

/* The low bits are flags. On PREEMPT_RT a mutex is a different struct. */
static struct task_struct *owner_of(const struct mutex *mutex)
{
#ifdef CONFIG_PREEMPT_RT
	return NULL;
#else
	return (struct task_struct *)(atomic_long_read(&mutex->owner) & ~7ul);
#endif
}

/*
 * If the holder ran meanwhile, it is on a CPU at the end, or was switched out once
 * more.
 */
static bool copy_off_cpu(const struct kvm_vcpu *vcpu, const struct task_struct *holder,
			 struct l1t_controls *c)
{
	u64 switches = switches_of(holder);

	smp_rmb(); /* the count before the checks and the copy */
	if (is_on_cpu(holder))
		return false;
	copy(vcpu, c);
	smp_rmb(); /* the copy before the checks */
	if (is_on_cpu(holder))
		return false;
	smp_rmb(); /* the scheduler counts a switch before it clears on_cpu */
	return switches == switches_of(holder) &&
	       owner_of(&vcpu->mutex) == holder;
}

struct request {
	struct l1t_vcpu *v;
	struct l1t_controls *c;
	bool done;
};

/* On the holder's CPU. Trylock, because it may have interrupted the lock's owner. */
static void copy_here(void *arg)
{
	struct request *r = arg;
	struct kvm_vcpu *vcpu;

	if (!raw_spin_trylock(&l1t_lock))
		return;
	vcpu = r->v->vcpu;
	if (vcpu && owner_of(&vcpu->mutex) == current) {
		copy(vcpu, r->c);
		r->done = true;
	}
	raw_spin_unlock(&l1t_lock);
}

/* The CPU to interrupt, or -1. */
static int try_to_take(struct request *r)
{
	struct task_struct *holder;
	struct kvm_vcpu *vcpu;
	int cpu = -1;

	raw_spin_lock(&l1t_lock);
	/* A task that holds the mutex is not freed before an RCU grace period. */
	rcu_read_lock();
	vcpu = r->v->vcpu;
	if (!vcpu) {
		r->c->kind = L1T_CONTROLS_NONE;
		r->done = true;
	} else if (mutex_trylock(&vcpu->mutex)) {
		copy(vcpu, r->c);
		mutex_unlock(&vcpu->mutex);
		r->done = true;
	} else {
		holder = owner_of(&vcpu->mutex);
		r->done = holder && copy_off_cpu(vcpu, holder, r->c);
		if (holder && !r->done)
			cpu = task_cpu(holder);
	}
	rcu_read_unlock();
	raw_spin_unlock(&l1t_lock);
	return cpu;
}

/**
 * l1t_controls_take() - copy the controls of a vCPU's VMCS or VMCB
 * @v: alive or dead
 * @c: filled in; if there are none, @c->kind says why
 *
 * If the vCPU is running, this interrupts its CPU, at most TRIES times.
 *
 * Context: may sleep.
 */
void l1t_controls_take(struct l1t_vcpu *v, struct l1t_controls *c)
{
	struct request r = { v, c };
	unsigned int i;
	int cpu;

	*c = (struct l1t_controls){ .kind = L1T_CONTROLS_UNKNOWN };
	mutex_lock(&layout_lock);
	if (l1t_isa() == L1T_ISA_NONE || find_layout())
		goto unlock;
	for (i = 0; i < TRIES && !r.done; i++) {
		if (i)
			usleep_range(PAUSE_US, 2 * PAUSE_US);
		cpu = try_to_take(&r);
		if (cpu >= 0)
			smp_call_function_single(cpu, copy_here, &r, true);
	}
	if (!r.done)
		*c = (struct l1t_controls){ .kind = L1T_CONTROLS_BUSY };
unlock:
	mutex_unlock(&layout_lock);
}
