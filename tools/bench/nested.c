// SPDX-License-Identifier: GPL-2.0
/*
 * The VMCS or VMCB by which bench's guest runs a guest of its own. It is
 * written for the guest from outside as far as possible: a VMCB is memory, of
 * a VMCS the guest gets a list of fields to write.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "base/util.h"
#include "bench/guest.h"
#include "bench/long-mode.h"
#include "bench/vm.h"

#define MSR_FEATURE_CONTROL	0x3a
#define LOCKED_WITH_VMX		5
#define MSR_VMX_BASIC		0x480
#define MSR_VMX_TRUE_PIN	0x48d
#define MSR_VMX_TRUE_PROC	0x48e
#define MSR_VMX_TRUE_EXIT	0x48f
#define MSR_VMX_TRUE_ENTRY	0x490
#define PROC_MSR_BITMAPS	(1u << 28)
#define EXIT_HOST_64BIT		(1u << 9)
#define ENTRY_GUEST_64BIT	(1u << 9)

/* Segments' access rights. */
#define RIGHTS_CODE		0xa09b
#define RIGHTS_DATA		0xc093
#define RIGHTS_TSS		0x8b
#define UNUSABLE		0x10000

bool bench_nested_is_on(const struct bench_vm *vm)
{
	const struct kvm_cpuid_entry2 *e = vm->cpuid->entries;
	unsigned int i;

	for (i = 0; i < vm->cpuid->nent; i++)
		if (vm->svm ? e[i].function == 0x80000001 && (e[i].ecx & 1 << 2) :
			      e[i].function == 1 && (e[i].ecx & 1 << 5))
			return true;
	return false;
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

static int get_msr(struct bench_vm *vm, uint32_t index, uint64_t *value)
{
	struct one_msr msr = { .head.nmsrs = 1, .entry.index = index };

	if (ioctl(vm->vcpu[0].fd, KVM_GET_MSRS, &msr) != 1)
		return bench_vm_fail(vm, "KVM does not know MSR %#x", index);
	*value = msr.entry.data;
	return 0;
}

static int set_msr(struct bench_vm *vm, uint32_t index, uint64_t value)
{
	struct one_msr msr = {
		.head.nmsrs = 1, .entry = { .index = index, .data = value },
	};

	if (ioctl(vm->vcpu[0].fd, KVM_SET_MSRS, &msr) != 1)
		return bench_vm_fail(vm, "KVM refuses a value for MSR %#x", index);
	return 0;
}

/* A control's bits that must be 1, and the bits wanted. */
static int control(struct bench_vm *vm, uint32_t msr, uint32_t wanted,
		   uint64_t *value)
{
	uint64_t allowed = 0;

	if (get_msr(vm, msr, &allowed))
		return -1;
	*value = (uint32_t)allowed | wanted;
	return 0;
}

static int init_vmx(struct bench_vm *vm)
{
	const struct kvm_sregs *s = &vm->vcpu[0].sregs;
	uint64_t basic = 0, pin, proc, exit_controls, entry_controls;
	uint32_t revision, n;

	if (set_msr(vm, MSR_FEATURE_CONTROL, LOCKED_WITH_VMX) ||
	    get_msr(vm, MSR_VMX_BASIC, &basic) ||
	    control(vm, MSR_VMX_TRUE_PIN, 0, &pin) ||
	    control(vm, MSR_VMX_TRUE_PROC, PROC_MSR_BITMAPS, &proc) ||
	    control(vm, MSR_VMX_TRUE_EXIT, EXIT_HOST_64BIT, &exit_controls) ||
	    control(vm, MSR_VMX_TRUE_ENTRY, ENTRY_GUEST_64BIT, &entry_controls))
		return -1;

	const struct { uint64_t field, value; } writes[] = {
		{ 0x4000, pin }, { 0x4002, proc },
		{ 0x400c, exit_controls }, { 0x4012, entry_controls },
		{ 0x2004, GUEST_BITMAP },	/* MSR bitmap */
		{ 0x2800, ~0ull },		/* link pointer */
		/* the guest: ES, CS, SS, DS, FS, GS, LDTR, TR */
		{ 0x0800, SEL_DATA }, { 0x0802, SEL_CODE }, { 0x0804, SEL_DATA },
		{ 0x0806, SEL_DATA }, { 0x0808, SEL_DATA }, { 0x080a, SEL_DATA },
		{ 0x080e, SEL_TSS },
		{ 0x4800, ~0u }, { 0x4802, ~0u }, { 0x4804, ~0u },
		{ 0x4806, ~0u }, { 0x4808, ~0u }, { 0x480a, ~0u },
		{ 0x480e, s->tr.limit },
		{ 0x4814, RIGHTS_DATA }, { 0x4816, RIGHTS_CODE },
		{ 0x4818, RIGHTS_DATA }, { 0x481a, RIGHTS_DATA },
		{ 0x481c, RIGHTS_DATA }, { 0x481e, RIGHTS_DATA },
		{ 0x4820, UNUSABLE }, { 0x4822, RIGHTS_TSS },
		{ 0x4810, s->gdt.limit }, { 0x4812, s->idt.limit },
		{ 0x6816, s->gdt.base }, { 0x6818, s->idt.base },
		{ 0x6800, s->cr0 }, { 0x6802, s->cr3 }, { 0x6804, s->cr4 },
		{ 0x681a, 0x400 },		/* DR7 */
		{ 0x6820, 2 },			/* RFLAGS */
		{ 0x681e, GUEST_CODE + bench_vm_code(bench_guest_l3_launch) },
		/* the host: ES, CS, SS, DS, TR */
		{ 0x0c00, SEL_DATA }, { 0x0c02, SEL_CODE }, { 0x0c04, SEL_DATA },
		{ 0x0c06, SEL_DATA }, { 0x0c0c, SEL_TSS },
		{ 0x6c00, s->cr0 }, { 0x6c02, s->cr3 }, { 0x6c04, s->cr4 },
		{ 0x6c0c, s->gdt.base }, { 0x6c0e, s->idt.base },
		{ 0x6c16, GUEST_CODE + bench_vm_code(bench_guest_l3_exit) },
	};
	_Static_assert(ARRAY_SIZE(writes) <= MAX_VMWRITES, "room for them");

	for (n = 0; n < ARRAY_SIZE(writes); n++) {
		unsigned int offset = PARAMS_VMWRITES + n * VMWRITE_SIZE;

		bench_vm_set_param(vm, offset, writes[n].field, 8);
		bench_vm_set_param(vm, offset + 8, writes[n].value, 8);
	}
	bench_vm_set_param(vm, PARAMS_NWRITES, ARRAY_SIZE(writes), 4);
	bench_vm_set_param(vm, PARAMS_VMXON_PA, GUEST_VMXON, 8);
	bench_vm_set_param(vm, PARAMS_VMCS_PA, GUEST_VMCS, 8);
	revision = basic & 0x7fffffff;
	memcpy(vm->memory + GUEST_VMXON, &revision, sizeof(revision));
	memcpy(vm->memory + GUEST_VMCS, &revision, sizeof(revision));
	return 0;
}

static void vmcb_set(struct bench_vm *vm, unsigned int offset, uint64_t value)
{
	memcpy(vm->memory + GUEST_VMCS + offset, &value, sizeof(value));
}

static void vmcb_segment(struct bench_vm *vm, unsigned int offset,
			 uint16_t selector, uint32_t rights, uint32_t limit,
			 uint64_t base)
{
	uint64_t attributes = (rights & 0xff) | (rights >> 4 & 0xf00);

	vmcb_set(vm, offset, selector | attributes << 16 | (uint64_t)limit << 32);
	vmcb_set(vm, offset + 8, base);
}

static int init_svm(struct bench_vm *vm)
{
	const struct kvm_sregs *s = &vm->vcpu[0].sregs;
	unsigned int offset;

	vmcb_set(vm, 0x008, 1ull << (32 + 18));		/* intercept CPUID */
	vmcb_set(vm, 0x010, 1 << 0 | 1 << 1);		/* VMRUN, VMMCALL */
	vmcb_set(vm, 0x040, GUEST_BITMAP);
	vmcb_set(vm, 0x048, GUEST_BITMAP);
	vmcb_set(vm, 0x058, 1);				/* ASID */
	for (offset = 0x400; offset <= 0x450; offset += 0x10)	/* ES to GS */
		vmcb_segment(vm, offset, SEL_DATA, RIGHTS_DATA, ~0u, 0);
	vmcb_segment(vm, 0x410, SEL_CODE, RIGHTS_CODE, ~0u, 0);
	vmcb_segment(vm, 0x460, 0, 0, s->gdt.limit, s->gdt.base);
	vmcb_segment(vm, 0x480, 0, 0, s->idt.limit, s->idt.base);
	vmcb_segment(vm, 0x490, SEL_TSS, RIGHTS_TSS, s->tr.limit, s->tr.base);
	vmcb_set(vm, 0x4d0, s->efer);
	vmcb_set(vm, 0x548, s->cr4);
	vmcb_set(vm, 0x550, s->cr3);
	vmcb_set(vm, 0x558, s->cr0);
	vmcb_set(vm, 0x560, 0x400);			/* DR7, DR6 */
	vmcb_set(vm, 0x568, 0xffff0ff0);
	vmcb_set(vm, 0x570, 2);				/* RFLAGS */
	vmcb_set(vm, 0x668, 0x0007040600070406);	/* PAT as after reset */
	return 0;
}

int bench_nested_init(struct bench_vm *vm)
{
	return vm->svm ? init_svm(vm) : init_vmx(vm);
}
