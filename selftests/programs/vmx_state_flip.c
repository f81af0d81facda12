// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: vmx_state_flip MILLISECONDS
 * A VM whose VMM gives its vCPU the VMX state of a hypervisor with a current VMCS, all
 * of whose bytes but its revision are 0x5a, and takes it away, as often as it can
 * (VMX). So KVM allocates and frees its copy of that VMCS each time. Prints how often.
 */
#define _GNU_SOURCE
#include "kvm.h"

#define VMXON_GPA	0x1000
#define VMCS_GPA	0x2000
#define REVISION	0x11e57ed0

static struct {
	struct kvm_nested_state head;
	uint8_t vmcs[KVM_STATE_NESTED_VMX_VMCS_SIZE];
} on = {
	.head = {
		.format = KVM_STATE_NESTED_FORMAT_VMX,
		.size = sizeof(on),
		.hdr.vmx = { .vmxon_pa = VMXON_GPA, .vmcs12_pa = VMCS_GPA },
	},
};

static const struct kvm_nested_state off = {
	.format = KVM_STATE_NESTED_FORMAT_VMX,
	.size = sizeof(off),
	.hdr.vmx = { .vmxon_pa = -1ull, .vmcs12_pa = -1ull },
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	const uint32_t revision = REVISION;
	int vcpu = kvm_create_hypervisor(kvm_open());
	uint64_t end;
	long n;

	if (argc != 2)
		errx(2, "usage: vmx_state_flip MILLISECONDS");
	memset(on.vmcs, 0x5a, sizeof(on.vmcs));
	memcpy(on.vmcs, &revision, sizeof(revision));
	end = now_ms() + atoi(argv[1]);
	for (n = 0; now_ms() < end; n++)
		if (ioctl(vcpu, KVM_SET_NESTED_STATE, &on) ||
		    ioctl(vcpu, KVM_SET_NESTED_STATE, &off))
			err(1, "KVM_SET_NESTED_STATE");
	printf("flipped %ld\n", n);
	return 0;
}
