// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: rsm
 * A guest that enters a guest of its own by RSM, without VMRUN (SVM): its
 * handler of SMIs, here the VMM, forges the saved state. Prints "guest mode" or
 * "no guest mode", by KVM_GET_NESTED_STATE after each exit, and how it ended;
 * keeps the VM until it is killed.
 */
#define _GNU_SOURCE
#include "kvm.h"

#define MEMORY		0x40000
#define CODE		0x1000
#define VMCB_GPA	0x5000
#define HSAVE_GPA	0x6000
#define SMI_HANDLER	0x38000
#define SAVED_EFER	0x3fed0
#define SAVED_IN_GUEST	0x3fed8
#define SAVED_VMCB	0x3fee0
#define MSR_VM_HSAVE_PA	0xc0010117
#define SMM_SLOT	(1u << 16)

#define ROUNDS		3000
#define SMI_ROUND	100

GUEST_CODE(loop, 16, "1: xor %eax, %eax\n cpuid\n out %al, $0x10\n jmp 1b");
GUEST_CODE(handler, 16, "out %al, $0x20\n rsm");

static void put(uint8_t *at, size_t size, uint64_t value)
{
	memcpy(at, &value, size);
}

static void put_segment(uint8_t *at, uint16_t attributes, uint32_t limit)
{
	put(at + 2, 2, attributes);
	put(at + 4, 4, limit);
}

/* Real mode; only VMRUN is intercepted, as KVM demands. */
static void write_vmcb(uint8_t *vmcb)
{
	int segment;

	put(vmcb + 0x010, 4, 1);
	put(vmcb + 0x040, 8, 0x8000);
	put(vmcb + 0x048, 8, 0x8000);
	put(vmcb + 0x058, 4, 1);
	for (segment = 0x400; segment <= 0x450; segment += 0x10)
		put_segment(vmcb + segment, 0x93, 0xffff);
	put_segment(vmcb + 0x410, 0x9b, 0xffff);
	put_segment(vmcb + 0x460, 0, 0xffff);
	put_segment(vmcb + 0x480, 0, 0xffff);
	put_segment(vmcb + 0x490, 0x8b, 0xffff);
	put(vmcb + 0x4d0, 8, EFER_SVME);
	put(vmcb + 0x558, 8, CR0_ET);
	put(vmcb + 0x560, 8, 0x400);
	put(vmcb + 0x568, 8, 0xffff0ff0);
	put(vmcb + 0x570, 8, 2);
	put(vmcb + 0x578, 8, CODE);
	put(vmcb + 0x668, 8, 0x0007040600070406);
}

static int in_guest_mode(int vcpu)
{
	static struct {
		struct kvm_nested_state state;
		char more[4 * PAGE];
	} s;

	s.state.size = sizeof(s);
	if (ioctl(vcpu, KVM_GET_NESTED_STATE, &s))
		err(1, "KVM_GET_NESTED_STATE");
	return !!(s.state.flags & KVM_STATE_NESTED_GUEST_MODE);
}

static int create(int kvm, uint8_t *memory)
{
	int vm = kvm_create_vm(kvm), vcpu;
	struct kvm_sregs sregs;

	kvm_set_slot(vm, 0, 0, MEMORY, memory);
	kvm_set_slot(vm, SMM_SLOT, 0, MEMORY, memory);
	vcpu = kvm_create_vcpu(vm, 0);
	kvm_offer_all(kvm, vcpu);
	kvm_set_msr(vcpu, MSR_VM_HSAVE_PA, HSAVE_GPA);
	kvm_real_mode(vcpu, CODE);
	sregs = kvm_get_sregs(vcpu);
	sregs.efer |= EFER_SVME;
	kvm_set_sregs(vcpu, &sregs);
	return vcpu;
}

int main(void)
{
	uint8_t *memory = allocate(MEMORY);
	int kvm = kvm_open(), vcpu = create(kvm, memory), i, seen = 0, forged = 0;
	struct kvm_run *run = kvm_map_run(kvm, vcpu);

	setvbuf(stdout, NULL, _IOLBF, 0);
	GUEST_CODE_COPY(memory + CODE, loop);
	GUEST_CODE_COPY(memory + SMI_HANDLER, handler);
	write_vmcb(memory + VMCB_GPA);
	memcpy(memory + HSAVE_GPA, memory + VMCB_GPA, PAGE);
	for (i = 0; i < ROUNDS; i++) {
		if (i == SMI_ROUND && ioctl(vcpu, KVM_SMI, 0))
			err(1, "KVM_SMI");
		if (ioctl(vcpu, KVM_RUN, 0) || run->exit_reason != KVM_EXIT_IO)
			break;
		if (run->io.port == 0x20) {
			put(memory + SAVED_EFER, 8, EFER_SVME);
			put(memory + SAVED_IN_GUEST, 8, 1);
			put(memory + SAVED_VMCB, 8, VMCB_GPA);
			forged++;
		}
		seen += in_guest_mode(vcpu);
	}
	printf("%s\nforged %d rounds %d last exit %u\nholding\n",
	       seen ? "guest mode" : "no guest mode", forged, i, run->exit_reason);
	for (;;)
		pause();
}
