// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: nested_evade VMS
 * Tries to have more hypervisors than are allowed (VMX). Prints how many VMs executed
 * VMXON with success in the end.
 *
 *	idle thread	restores nested state that KVM will not take, from a page that is
 *			filled late; has policy SCHED_IDLE, so that it gets no CPU when it
 *			has left the ioctl
 *	guest thread	waits for the vCPU meanwhile, then runs a guest whose VMXON waits
 *			for its operand, in a page that is filled last
 *
 * All on one CPU. What the idle thread asked for is given back when it gets the CPU, and
 * by then the guest of another thread is in VMXON.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "kvm.h"

#define MEMORY		0x8000
#define CODE		0x1000
#define GDT		0x4000
#define OPERAND		0x6000
#define PAGE_TABLE	0x7000
#define VMXON_GPA	0
#define MOST_VMS	16
#define WAIT_MS		1000

GUEST_CODE(vmxon, 32, "vmxon 0x6000\n out %al, $0x10\n hlt");

static struct side {
	int vcpu;
	uint8_t *memory;
	struct kvm_nested_state *state;
	int memory_uffd, state_uffd;
	pthread_t idle, guest;
} sides[MOST_VMS];

static int kvm;

/* The operand will be 0, where the region for VMXON is. */
static void create(struct side *side)
{
	struct kvm_sregs sregs;
	int vm;

	side->memory = allocate(MEMORY);
	side->state = allocate(PAGE);
	GUEST_CODE_COPY(side->memory + CODE, vmxon);
	vm = kvm_create_vm(kvm);
	kvm_set_slot(vm, 0, 0, MEMORY, side->memory);
	side->vcpu = kvm_create_vcpu(vm, 0);
	kvm_offer_all(kvm, side->vcpu);
	kvm_flat_mode(side->vcpu, (uint64_t *)(side->memory + GDT), GDT, CODE);
	sregs = kvm_get_sregs(side->vcpu);
	kvm_prepare_vmxon(side->vcpu, side->memory, PAGE_TABLE, VMXON_GPA, &sregs);
	kvm_set_sregs(side->vcpu, &sregs);
	side->memory_uffd = block_pages(side->memory + OPERAND, PAGE);
	side->state_uffd = block_pages(side->state, PAGE);
}

static void *restore(void *arg)
{
	struct side *side = arg;

	if (sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){ 0 }))
		err(1, "SCHED_IDLE");
	if (!ioctl(side->vcpu, KVM_SET_NESTED_STATE, side->state))
		errx(1, "KVM took a VMXON region that is not aligned");
	return NULL;
}

static void *run(void *arg)
{
	struct side *side = arg;

	if (ioctl(side->vcpu, KVM_RUN, 0))
		err(1, "KVM_RUN");
	return NULL;
}

/* Such a descriptor can only be polled if it does not block. */
static int waits(int uffd)
{
	struct pollfd fd = { .fd = uffd, .events = POLLIN };

	if (fcntl(uffd, F_SETFL, O_NONBLOCK))
		err(1, "O_NONBLOCK");
	return poll(&fd, 1, WAIT_MS) == 1;
}

static void fill_state(struct side *side)
{
	static union {
		struct kvm_nested_state state;
		char page[PAGE];
	} from = { .state = {
		.format = KVM_STATE_NESTED_FORMAT_VMX,
		.size = sizeof(struct kvm_nested_state),
		.hdr.vmx = { .vmxon_pa = 1, .vmcs12_pa = -1ull },
	} };
	struct uffdio_copy copy = {
		.dst = (uintptr_t)side->state, .src = (uintptr_t)&from, .len = PAGE,
	};

	if (ioctl(side->state_uffd, UFFDIO_COPY, &copy))
		err(1, "UFFDIO_COPY");
}

static void start(struct side *side)
{
	if (pthread_create(&side->idle, NULL, restore, side))
		errx(1, "pthread_create");
	if (!waits(side->state_uffd))
		errx(1, "KVM_SET_NESTED_STATE does not read the state");
	if (pthread_create(&side->guest, NULL, run, side))
		errx(1, "pthread_create");
	/* Until it waits for the vCPU. */
	usleep(50000);
	fill_state(side);
	/* A guest whose VMXON is refused ends. */
	waits(side->memory_uffd);
	pthread_join(side->idle, NULL);
}

static int is_hypervisor(const struct side *side)
{
	static union {
		struct kvm_nested_state state;
		char bytes[4 * PAGE];
	} to;

	to.state.size = sizeof(to);
	if (ioctl(side->vcpu, KVM_GET_NESTED_STATE, &to))
		err(1, "KVM_GET_NESTED_STATE");
	return to.state.hdr.vmx.vmxon_pa != -1ull;
}

int main(int argc, char **argv)
{
	int vms, i, hypervisors = 0;

	vms = argc == 2 ? atoi(argv[1]) : 0;
	if (vms < 1 || vms > MOST_VMS)
		errx(2, "usage: nested_evade VMS, at most %d", MOST_VMS);
	stay_on(sched_getcpu());
	kvm = kvm_open();
	for (i = 0; i < vms; i++) {
		create(&sides[i]);
		start(&sides[i]);
	}
	for (i = 0; i < vms; i++)
		fill_page(sides[i].memory_uffd, sides[i].memory + OPERAND);
	for (i = 0; i < vms; i++) {
		pthread_join(sides[i].guest, NULL);
		hypervisors += is_hypervisor(&sides[i]);
	}
	printf("%d\n", hypervisors);
	return 0;
}
