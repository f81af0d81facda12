// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: tick_runs SECONDS
 * A guest whose periodic LAPIC timer fires as often as KVM allows, and which has left for
 * an interrupt; since then its VMM enters KVM_RUN and leaves it at once, in a loop: so the
 * timer fires at each moment of KVM_RUN's entry sooner or later. Prints how often it entered.
 */
#define _GNU_SOURCE
#include <signal.h>

#include "lapic.h"

#define TOP		0xfffff000ul
#define IP		0xff00

GUEST_CODE(spins, 16, "1: jmp 1b");

/* A signal after a while, in the guest, which then leaves for the interrupt. */
static void leave_for_interrupt(int vcpu)
{
	let_interrupt(SIGALRM);
	alarm(1);
	if (!ioctl(vcpu, KVM_RUN, 0) || errno != EINTR)
		err(1, "KVM_RUN");
}

int main(int argc, char **argv)
{
	uint64_t end, rounds = 0;
	int kvm, vm, vcpu;
	struct kvm_run *run;
	uint8_t *page;

	if (argc != 2)
		errx(2, "usage: tick_runs SECONDS");
	stay_on(0);
	kvm = kvm_open();
	vm = kvm_create_vm(kvm);
	if (ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		err(1, "KVM_CREATE_IRQCHIP");
	page = allocate(PAGE);
	GUEST_CODE_COPY(page + IP % PAGE, spins);
	kvm_set_slot(vm, 0, TOP, PAGE, page);
	vcpu = kvm_create_vcpu(vm, 0);
	run = kvm_map_run(kvm, vcpu);
	kvm_offer_all(kvm, vcpu);
	kvm_set_rip(vcpu, IP);
	lapic_start_timer(vcpu);
	leave_for_interrupt(vcpu);
	run->immediate_exit = 1;
	for (end = now_ns() + atoi(argv[1]) * 1000000000ull; now_ns() < end; rounds++)
		if (!ioctl(vcpu, KVM_RUN, 0) || errno != EINTR)
			err(1, "KVM_RUN");
	printf("rounds %lu\n", rounds);
	return 0;
}
