// SPDX-License-Identifier: GPL-2.0
/*
 * What L2 needs to run a guest of its own. VMCS fields that stay zero are not
 * written: KVM keeps the VMCS in the zeroed page that the guest gave it.
 */
#include <string.h>

#include "vmm-int.h"

#define MSR_VMX_BASIC		0x480
#define MSR_VMX_TRUE_PIN	0x48d
#define MSR_VMX_TRUE_PROC	0x48e
#define MSR_VMX_TRUE_EXIT	0x48f
#define MSR_VMX_TRUE_ENTRY	0x490

#define PROC_USE_MSR_BITMAPS	(1u << 28)
#define EXIT_HOST_64BIT		(1u << 9)
#define ENTRY_GUEST_64BIT	(1u << 9)

#define AR_CODE			0xa09b
#define AR_DATA			0xc093
#define AR_TSS			0x8b
#define AR_UNUSABLE		0x10000

/* Up to here: intercepts, permission maps, TSC offset and ASID. */
#define VMCB_CONTROLS_END	0x60

/* HOST_RSP: see guest_l3_exit_vmx */
#define L2_STACK		(GUEST_PARAMS + PARAMS_STACK - 8)

struct vmx_controls {
	uint32_t pin;
	uint32_t proc;
	uint32_t exit;
	uint32_t entry;
};

/* Each is refused by KVM for itself, with a message that names its check. */
struct mistake_kind {
	uint32_t field;			/* of the VMCS, or offset in the VMCB */
	uint64_t wrong;
	const char *check;		/* part of the message */
};

#define NOT_CANONICAL	(1ull << 62)

static const struct mistake_kind vmx_mistakes[] = {
	{ 0x4000, 0, "pin_based_vm_exec_control" },
	{ 0x4002, 0, "cpu_based_vm_exec_control" },
	{ 0x400c, 0, "vm_exit_controls" },
	{ 0x4012, 0, "vm_entry_controls" },
	{ 0x400a, 1000, "cr3_target_count" },
	{ 0x2004, 1, "msr_bitmap" },
	{ 0x6c00, 0, "host_cr0" },
	{ 0x6c04, 0, "host_cr4" },
	{ 0x6c02, ~0ull, "host_cr3" },
	{ 0x6c10, NOT_CANONICAL, "host_ia32_sysenter_esp" },
	{ 0x6c08, NOT_CANONICAL, "host_gs_base" },
	{ 0x6c0c, NOT_CANONICAL, "host_gdtr_base" },
	{ 0x0c02, 0, "host_cs_selector" },
	{ 0x0c0c, 0, "host_tr_selector" },
	{ 0x6800, 0, "guest_cr0" },
	{ 0x6804, 0, "guest_cr4" },
	{ 0x2800, 1, "vmcs_link_pointer" },
};

#define SVM_CR0		0x558
#define SVM_CR3		0x550
#define SVM_CR4		0x548
#define SVM_EFER	0x4d0

/* Bits that are changed. */
static const struct mistake_kind svm_mistakes[] = {
	{ 0x010, 1 << 0, "INTERCEPT_VMRUN" },
	{ 0x058, 1, "asid" },
	{ SVM_EFER, 1 << 12, "EFER_SVME" },
	{ SVM_CR0, 1 << 29, "X86_CR0_CD" },
	{ SVM_CR0, 1ull << 32, "save->cr0" },
	{ SVM_CR0, 1 << 0, "X86_CR0_PE" },
	{ SVM_CR4, 1 << 5, "X86_CR4_PAE" },
	{ SVM_CR4, 1ull << 63, "valid_cr4" },
	{ SVM_CR3, 1ull << 63, "save->cr3" },
	{ 0x568, 1ull << 32, "dr6" },
	{ 0x560, 1ull << 32, "dr7" },
	{ SVM_EFER, 1 << 20, "valid_efer" },
	{ 0x040, 1ull << 63, "iopm" },
	{ 0x048, 1ull << 63, "msrpm" },
};

const char *vmm_mistake(enum vmm_isa isa, unsigned int i)
{
	if (isa == VMM_VMX)
		return i < ARRAY_SIZE(vmx_mistakes) ? vmx_mistakes[i].check : NULL;
	return i < ARRAY_SIZE(svm_mistakes) ? svm_mistakes[i].check : NULL;
}

static uint64_t vmwritten(const struct guest_params *p, uint32_t field)
{
	uint32_t i;

	for (i = 0; i < p->nwrites; i++)
		if (p->vmwrites[i].field == field)
			return p->vmwrites[i].value;
	return 0;
}

static void set_vmx_mistakes(struct guest_params *p, uint32_t n)
{
	_Static_assert(ARRAY_SIZE(vmx_mistakes) <= MAX_MISTAKES, "guest.h");

	for (p->nmistakes = 0; p->nmistakes < n && p->nmistakes < ARRAY_SIZE(vmx_mistakes); p->nmistakes++) {
		const struct mistake_kind *kind = &vmx_mistakes[p->nmistakes];

		p->mistakes[p->nmistakes] = (struct mistake){
			kind->field, kind->wrong, vmwritten(p, kind->field)
		};
	}
}

static void set_svm_mistakes(struct guest_params *p, const uint8_t *vmcb, uint32_t n)
{
	_Static_assert(ARRAY_SIZE(svm_mistakes) <= MAX_MISTAKES, "guest.h");

	for (p->nmistakes = 0; p->nmistakes < n && p->nmistakes < ARRAY_SIZE(svm_mistakes); p->nmistakes++) {
		const struct mistake_kind *kind = &svm_mistakes[p->nmistakes];
		uint64_t right;

		memcpy(&right, vmcb + kind->field, sizeof(right));
		p->mistakes[p->nmistakes] = (struct mistake){
			GUEST_VMCB + kind->field, right ^ kind->wrong, right
		};
	}
}

static int vmx_control(struct vcpu *vcpu, uint32_t msr, uint32_t wanted, uint32_t *value)
{
	uint64_t caps;

	if (vcpu_get_msr(vcpu, msr, &caps))
		return -1;
	*value = (uint32_t)caps | wanted;
	if (*value & ~(uint32_t)(caps >> 32))
		return vmm_fail("KVM's nested VMX lacks a control: MSR %#x is %#llx, wanted %#x",
				msr, (unsigned long long)caps, wanted);
	return 0;
}

static int vmx_revision(struct vcpu *vcpu)
{
	uint64_t basic;
	uint32_t revision;

	if (vcpu_get_msr(vcpu, MSR_VMX_BASIC, &basic))
		return -1;
	revision = basic & 0x7fffffff;
	memcpy(vcpu->mem + GUEST_VMXON, &revision, sizeof(revision));
	memcpy(vcpu->mem + GUEST_VMCS, &revision, sizeof(revision));
	return 0;
}

static int vmx_controls(struct vcpu *vcpu, struct vmx_controls *c)
{
	if (vmx_control(vcpu, MSR_VMX_TRUE_PIN, 0, &c->pin) ||
	    vmx_control(vcpu, MSR_VMX_TRUE_PROC, PROC_USE_MSR_BITMAPS, &c->proc) ||
	    vmx_control(vcpu, MSR_VMX_TRUE_EXIT, EXIT_HOST_64BIT, &c->exit) ||
	    vmx_control(vcpu, MSR_VMX_TRUE_ENTRY, ENTRY_GUEST_64BIT, &c->entry))
		return -1;
	return 0;
}

static const struct {
	unsigned int error;
	unsigned int count;
} vmx_failures[] = {
	{ 15, 1 },			/* VMXON in VMX root operation */
	{ 2, 1 }, { 3, 1 },		/* VMCLEAR: invalid address, VMXON pointer */
	{ 9, 1 }, { 10, 1 }, { 11, 1 },	/* VMPTRLD: the same, incorrect revision */
	{ 5, 1 },			/* VMRESUME with a VMCS that was not launched */
	{ 12, 2 },			/* VMREAD and VMWRITE of a field that does not exist */
};

unsigned int vmm_failure(enum vmm_isa isa, unsigned int i, unsigned int *count)
{
	if (isa != VMM_VMX || i >= ARRAY_SIZE(vmx_failures))
		return 0;
	*count = vmx_failures[i].count;
	return vmx_failures[i].error;
}

static int set_control(struct guest_params *p, const struct vmm_control *control)
{
	uint32_t i;

	for (i = 0; i < p->nwrites && p->vmwrites[i].field != control->where; i++)
		;
	if (i == MAX_VMWRITES)
		return vmm_fail("no room for another control");
	if (i == p->nwrites)
		p->vmwrites[p->nwrites++] = (struct vmwrite){ control->where, 0 };
	p->vmwrites[i].value |= control->bits;
	return 0;
}

static int init_vmx(struct vcpu *vcpu)
{
	const uint64_t base = VCPU_GPA(vcpu->index);
	const struct kvm_sregs *s = &vcpu->sregs;
	struct guest_params *p = vcpu_params(vcpu);
	struct vmx_controls c;
	unsigned int i;

	if (vmx_revision(vcpu) || vmx_controls(vcpu, &c))
		return -1;

	const struct vmwrite writes[] = {
		/* KVM shadows the first of these if the CPU can: no exit then */
		{ 0x4000, c.pin },
		{ 0x4002, c.proc },
		{ 0x6800, s->cr0 },			/* guest state */
		{ 0x6802, s->cr3 },
		{ 0x6804, s->cr4 },
		{ 0x681e, guest_code(guest_l3_vmx) },
		{ 0x6820, 2 },				/* RFLAGS */
#define VMX_SHADOWED 7
		{ 0x400c, c.exit },
		{ 0x4012, c.entry },
		{ 0x2004, base + GUEST_BITMAP },	/* MSR bitmap */
		{ 0x2800, ~0ull },			/* VMCS link pointer */
		{ 0x0800, SEL_DATA },			/* guest ES, CS, SS, DS, FS, GS, TR */
		{ 0x0802, SEL_CODE },
		{ 0x0804, SEL_DATA },
		{ 0x0806, SEL_DATA },
		{ 0x0808, SEL_DATA },
		{ 0x080a, SEL_DATA },
		{ 0x080e, SEL_TSS },
		{ 0x4800, ~0u },			/* their limits */
		{ 0x4802, ~0u },
		{ 0x4804, ~0u },
		{ 0x4806, ~0u },
		{ 0x4808, ~0u },
		{ 0x480a, ~0u },
		{ 0x480e, s->tr.limit },
		{ 0x4810, s->gdt.limit },
		{ 0x4812, s->idt.limit },
		{ 0x4814, AR_DATA },			/* their access rights */
		{ 0x4816, AR_CODE },
		{ 0x4818, AR_DATA },
		{ 0x481a, AR_DATA },
		{ 0x481c, AR_DATA },
		{ 0x481e, AR_DATA },
		{ 0x4820, AR_UNUSABLE },		/* LDTR */
		{ 0x4822, AR_TSS },
		{ 0x6816, s->gdt.base },
		{ 0x6818, s->idt.base },
		{ 0x681a, 0x400 },			/* DR7 */
		{ 0x0c00, SEL_DATA },			/* host ES, CS, SS, DS, TR */
		{ 0x0c02, SEL_CODE },
		{ 0x0c04, SEL_DATA },
		{ 0x0c06, SEL_DATA },
		{ 0x0c0c, SEL_TSS },
		{ 0x6c00, s->cr0 },
		{ 0x6c02, s->cr3 },
		{ 0x6c04, s->cr4 },
		{ 0x6c0c, s->gdt.base },
		{ 0x6c0e, s->idt.base },
		{ 0x6c14, L2_STACK },
		{ 0x6c16, guest_code(guest_l3_exit_vmx) },
	};
	_Static_assert(ARRAY_SIZE(writes) <= MAX_VMWRITES, "guest.h");

	memcpy(p->vmwrites, writes, sizeof(writes));
	p->nwrites = ARRAY_SIZE(writes);
	for (i = 0; i < vcpu->vm->cfg.ncontrols; i++)
		if (set_control(p, &vcpu->vm->cfg.controls[i]))
			return -1;
	p->failures = vcpu->vm->cfg.failures;
	p->odd_pa = base + GUEST_VMCS + 1;
	p->zero_pa = base + GUEST_BITMAP;
	vcpu->shadowed_vmwrites = VMX_SHADOWED;
	p->nested = guest_nested_vmx - guest_start;
	p->vmxon_pa = base + GUEST_VMXON;
	p->vmcs_pa = base + GUEST_VMCS;
	set_vmx_mistakes(p, vcpu->vm->cfg.mistakes);
	return 0;
}

struct vmcb_segment {
	uint16_t selector;
	uint16_t attributes;
	uint32_t limit;
	uint64_t base;
};

static void vmcb_set(uint8_t *vmcb, unsigned int offset, uint64_t value)
{
	memcpy(vmcb + offset, &value, sizeof(value));
}

static uint64_t vmcb_get(const uint8_t *vmcb, unsigned int offset)
{
	uint64_t value;

	memcpy(&value, vmcb + offset, sizeof(value));
	return value;
}

static void vmcb_segment(uint8_t *vmcb, unsigned int offset, uint16_t selector,
			 uint32_t ar, uint32_t limit, uint64_t base)
{
	const struct vmcb_segment seg = {
		.selector = selector,
		.attributes = (ar & 0xff) | (ar >> 4 & 0xf00),
		.limit = limit,
		.base = base,
	};

	memcpy(vmcb + offset, &seg, sizeof(seg));
}

static int init_svm(struct vcpu *vcpu)
{
	const uint64_t base = VCPU_GPA(vcpu->index);
	const struct kvm_sregs *s = &vcpu->sregs;
	struct guest_params *p = vcpu_params(vcpu);
	uint8_t *vmcb = vcpu->mem + GUEST_VMCB;
	unsigned int offset, i;

	vmcb_set(vmcb, 0x008, 1ull << (32 + 18));	/* intercept CPUID */
	vmcb_set(vmcb, 0x010, 1 << 0 | 1 << 1);		/* VMRUN, VMMCALL */
	vmcb_set(vmcb, 0x040, base + GUEST_BITMAP);	/* I/O and MSR permissions, unused */
	vmcb_set(vmcb, 0x048, base + GUEST_BITMAP);
	vmcb_set(vmcb, 0x058, 1);			/* ASID */
	for (offset = 0x400; offset <= 0x450; offset += 0x10)	/* ES to GS */
		vmcb_segment(vmcb, offset, SEL_DATA, AR_DATA, ~0u, 0);
	vmcb_segment(vmcb, 0x410, SEL_CODE, AR_CODE, ~0u, 0);
	vmcb_segment(vmcb, 0x460, 0, 0, s->gdt.limit, s->gdt.base);
	vmcb_segment(vmcb, 0x480, 0, 0, s->idt.limit, s->idt.base);
	vmcb_segment(vmcb, 0x490, SEL_TSS, AR_TSS, s->tr.limit, s->tr.base);
	vmcb_set(vmcb, 0x4d0, s->efer);
	vmcb_set(vmcb, 0x548, s->cr4);
	vmcb_set(vmcb, 0x550, s->cr3);
	vmcb_set(vmcb, 0x558, s->cr0);
	vmcb_set(vmcb, 0x560, 0x400);			/* DR7, DR6 */
	vmcb_set(vmcb, 0x568, 0xffff0ff0);
	vmcb_set(vmcb, 0x570, 2);			/* RFLAGS, RIP */
	vmcb_set(vmcb, 0x578, guest_code(guest_l3_svm));
	vmcb_set(vmcb, 0x668, 0x0007040600070406);	/* PAT as after reset */

	for (i = 0; i < vcpu->vm->cfg.ncontrols; i++) {
		const struct vmm_control *control = &vcpu->vm->cfg.controls[i];

		if (control->where > VMCB_CONTROLS_END - sizeof(control->bits))
			return vmm_fail("%#x is behind the controls of a VMCB", control->where);
		vmcb_set(vmcb, control->where, vmcb_get(vmcb, control->where) | control->bits);
	}
	p->nested = guest_nested_svm - guest_start;
	p->vmcb_pa = base + GUEST_VMCB;
	p->hsave_pa = base + GUEST_HSAVE;
	set_svm_mistakes(p, vmcb, vcpu->vm->cfg.mistakes);
	return 0;
}

int vcpu_init_nested(struct vcpu *vcpu)
{
	return vcpu->vm->isa == VMM_VMX ? init_vmx(vcpu) : init_svm(vcpu);
}

bool vmm_written(struct vmm *vm, unsigned int vcpu, unsigned int i, struct vmm_control *control)
{
	struct vcpu *v = &vm->vcpus[vcpu];
	const struct guest_params *p = vcpu_params(v);

	if (!vm->nested)
		return false;
	if (vm->isa == VMM_SVM) {
		control->where = i * sizeof(uint64_t);
		if (control->where >= VMCB_CONTROLS_END)
			return false;
		control->bits = vmcb_get(v->mem + GUEST_VMCB, control->where);
		return true;
	}
	if (i >= p->nwrites)
		return false;
	*control = (struct vmm_control){ p->vmwrites[i].field, p->vmwrites[i].value };
	return true;
}
