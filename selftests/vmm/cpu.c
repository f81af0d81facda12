// SPDX-License-Identifier: GPL-2.0
/*
 * The state a vCPU starts with: 64-bit mode, paging on, interrupts off. It is
 * set from outside, so that the guest needs no exit to get there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm-int.h"

#define CR0_PE		(1u << 0)
#define CR0_ET		(1u << 4)
#define CR0_NE		(1u << 5)
#define CR0_WP		(1u << 16)
#define CR0_PG		(1u << 31)
#define CR4_PAE		(1u << 5)
#define CR4_VMXE	(1u << 13)
#define EFER_LME	(1u << 8)
#define EFER_LMA	(1u << 10)
#define EFER_SVME	(1u << 12)

#define APIC_BASE_X2	(1u << 10)
#define APIC_BASE_EN	(1u << 11)
#define APIC_SPIV	0xf0
#define APIC_LVTT	0x320
#define APIC_TDCR	0x3e0
#define APIC_ENABLED	0x1ff
#define APIC_DIVIDE_1	0xb
#define LVTT_DEADLINE	(2u << 17)
#define CPUID_1_ECX_DEADLINE	(1u << 24)

#define MSR_FEATURE_CONTROL		0x3a
#define FEATURE_CONTROL_LOCKED_VMXON	5

struct kvm_cpuid2 *vmm_supported_cpuid(struct vmm *vm)
{
	const unsigned int max = 256;
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) + max * sizeof(cpuid->entries[0]));
	if (!cpuid) {
		vmm_fail("out of memory");
		return NULL;
	}
	cpuid->nent = max;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid)) {
		vmm_fail_errno("KVM_GET_SUPPORTED_CPUID", NULL);
		free(cpuid);
		return NULL;
	}
	return cpuid;
}

int vmm_check_nested(struct vmm *vm, const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *e;
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++) {
		e = &cpuid->entries[i];
		if (vm->isa == VMM_VMX && e->function == 1 && e->ecx & 1 << 5)
			return 0;
		if (vm->isa == VMM_SVM && e->function == 0x80000001 && e->ecx & 1 << 2)
			return 0;
	}
	return vmm_fail("KVM offers its guests no %s: load %s with nested=1",
			vm->isa == VMM_VMX ? "VMX" : "SVM",
			vm->isa == VMM_VMX ? "kvm_intel" : "kvm_amd");
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

int vcpu_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
	struct one_msr msr = { .head.nmsrs = 1, .entry.index = index };

	if (ioctl(vcpu->fd, KVM_GET_MSRS, &msr) != 1)
		return vmm_fail("KVM_GET_MSRS: KVM does not know MSR %#x", index);
	*value = msr.entry.data;
	return 0;
}

static int set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct one_msr msr = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	if (ioctl(vcpu->fd, KVM_SET_MSRS, &msr) != 1)
		return vmm_fail("KVM_SET_MSRS: KVM refuses %#llx for MSR %#x",
				(unsigned long long)value, index);
	return 0;
}

static int init_sregs(struct vcpu *vcpu)
{
	const struct kvm_segment code = {
		.limit = ~0u, .selector = SEL_CODE, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1,
	};
	const struct kvm_segment data = {
		.limit = ~0u, .selector = SEL_DATA, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1,
	};
	const struct kvm_segment tss = {
		.limit = 0x67, .selector = SEL_TSS, .type = 11, .present = 1,
	};
	struct kvm_sregs *s = &vcpu->sregs;
	struct vmm *vm = vcpu->vm;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, s))
		return vmm_fail_errno("KVM_GET_SREGS", NULL);
	s->cs = code;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->tr = tss;
	memset(&s->ldt, 0, sizeof(s->ldt));
	s->ldt.unusable = 1;
	s->gdt.base = GUEST_PARAMS + PARAMS_GDT;
	s->gdt.limit = sizeof(vcpu_params(vcpu)->gdt) - 1;
	s->idt.base = GUEST_PARAMS + PARAMS_IDT;
	s->idt.limit = sizeof(vcpu_params(vcpu)->idt) - 1;
	s->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s->cr3 = VCPU_GPA(vcpu->index) + GUEST_PML4;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
	if (vm->nested && vm->isa == VMM_VMX)
		s->cr4 |= CR4_VMXE;
	if (vm->nested && vm->isa == VMM_SVM)
		s->efer |= EFER_SVME;
	if (vm->cfg.count[VMM_HALT])
		s->apic_base |= APIC_BASE_EN | APIC_BASE_X2;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, s))
		return vmm_fail_errno("KVM_SET_SREGS", NULL);
	return 0;
}

static int init_regs(struct vcpu *vcpu)
{
	struct kvm_regs regs = {
		.rip = guest_code(guest_entry),
		.rsp = GUEST_PARAMS + PARAMS_STACK,
		.rflags = 2,
	};

	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		return vmm_fail_errno("KVM_SET_REGS", NULL);
	return 0;
}

/* KVM's APIC has it, whatever KVM_GET_SUPPORTED_CPUID says. */
static void offer_deadline(struct kvm_cpuid2 *cpuid)
{
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= CPUID_1_ECX_DEADLINE;
}

static int init_tsc(struct vcpu *vcpu)
{
	const int khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);

	if (khz <= 0)
		return vmm_fail_errno("KVM_GET_TSC_KHZ", NULL);
	vcpu->tsc_khz = khz;
	return 0;
}

/*
 * A one-shot timer on a running CPU: its tick KVM makes one nanosecond. Or one
 * with a deadline on the TSC.
 */
static int init_lapic(struct vcpu *vcpu)
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_lapic_state lapic;
	const uint32_t spiv = APIC_ENABLED, tdcr = APIC_DIVIDE_1;
	const uint32_t lvtt = IRQ_VECTOR | (vcpu->vm->cfg.halt_deadline ? LVTT_DEADLINE : 0);

	if (ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic))
		return vmm_fail_errno("KVM_GET_LAPIC", NULL);
	memcpy(lapic.regs + APIC_SPIV, &spiv, sizeof(spiv));
	memcpy(lapic.regs + APIC_LVTT, &lvtt, sizeof(lvtt));
	memcpy(lapic.regs + APIC_TDCR, &tdcr, sizeof(tdcr));
	if (ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic))
		return vmm_fail_errno("KVM_SET_LAPIC", NULL);
	if (ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable))
		return vmm_fail_errno("KVM_SET_MP_STATE", NULL);
	return 0;
}

int vcpu_init_state(struct vcpu *vcpu, struct kvm_cpuid2 *cpuid)
{
	struct vmm *vm = vcpu->vm;

	if (vm->cfg.halt_deadline)
		offer_deadline(cpuid);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid))
		return vmm_fail_errno("KVM_SET_CPUID2", NULL);
	/* Firmware's work: without it VMXON is a #GP. */
	if (vm->nested && vm->isa == VMM_VMX &&
	    set_msr(vcpu, MSR_FEATURE_CONTROL, FEATURE_CONTROL_LOCKED_VMXON))
		return -1;
	if (init_sregs(vcpu) || init_regs(vcpu) || init_tsc(vcpu))
		return -1;
	return program_sleeps(&vm->cfg) ? init_lapic(vcpu) : 0;
}
