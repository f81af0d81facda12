// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: held MS COUNT
 * Each of COUNT exits of a guest waits for a mutex in KVM that another thread holds
 * for MS milliseconds more, by the clock of this program: that of the VM's Hyper-V
 * interface.
 *
 *	the guest's vCPU  |-- OUT --|-- RDMSR of a partition-wide MSR: wants the mutex --|
 *	another vCPU's    |-- KVM_SET_MSRS: takes it, and writes a page of the guest -----|
 *	a third thread      the page is wanted |-- MS after the VMM has run the guest --| fills it
 *
 * Prints "did NS" when it has: how long that was, summed, from KVM_RUN to the page.
 * Ends with "skip WHY" instead where KVM has no such interface.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>

#include "kvm.h"

#define CODE			0x1000
#define PAGES_GPA		0x100000ul
#define MOST			256
#define HV_INTERFACE		0x40000001
#define HV_SIGNATURE		0x31237648	/* "Hv#1" */
#define HV_GUEST_OS_ID		0x40000000
#define HV_HYPERCALL		0x40000001
#define HV_HYPERCALL_ENABLE	1

/* The count is in SI. */
GUEST_CODE(guest, 16,
	   "1:	out %al, $0x10\n"
	   "	mov $0x40000000, %ecx\n"
	   "	rdmsr\n"
	   "	dec %si\n"
	   "	jnz 1b\n"
	   "	hlt\n");

static uint64_t wanted_ns, did_ns, run_ns;
static sem_t take, taken, runs, freed;
static int holder, uffd;

/* Each time another page, for the one before has been filled. */
static void *hold(void *unused)
{
	unsigned int i;

	for (i = 0; !sem_wait(&take); i++) {
		kvm_set_msr(holder, HV_HYPERCALL, (PAGES_GPA + i * PAGE) | HV_HYPERCALL_ENABLE);
		sem_post(&freed);
	}
	return unused;
}

static void *fill(void *unused)
{
	struct pollfd fd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg message;
	struct timespec until;

	while (poll(&fd, 1, -1) == 1 && read(uffd, &message, sizeof(message)) == sizeof(message)) {
		sem_post(&taken);
		sem_wait(&runs);
		until.tv_sec = (run_ns + wanted_ns) / 1000000000;
		until.tv_nsec = (run_ns + wanted_ns) % 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		did_ns += now_ns() - run_ns;
		fill_page(uffd, (void *)(message.arg.pagefault.address & ~(PAGE - 1)));
	}
	return unused;
}

static void offer_hyperv(int vcpu)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry;
	} cpuid = {
		.head.nent = 1,
		.entry = { .function = HV_INTERFACE, .eax = HV_SIGNATURE },
	};

	if (ioctl(vcpu, KVM_SET_CPUID2, &cpuid))
		err(1, "KVM_SET_CPUID2");
}

/* KVM_RUN, whose exit the other threads have made ready. */
static void run_held(int vcpu)
{
	sem_post(&take);
	sem_wait(&taken);
	run_ns = now_ns();
	sem_post(&runs);
	if (ioctl(vcpu, KVM_RUN, 0))
		err(1, "KVM_RUN");
	sem_wait(&freed);
}

int main(int argc, char **argv)
{
	unsigned long count;
	struct kvm_run *run;
	struct kvm_regs regs;
	pthread_t thread;
	uint8_t *memory, *lazy;
	int kvm, vm, vcpu;

	if (argc != 3 || (count = strtoul(argv[2], NULL, 0)) > MOST)
		errx(2, "usage: held MS COUNT");
	setvbuf(stdout, NULL, _IOLBF, 0);
	wanted_ns = strtoull(argv[1], NULL, 0) * 1000000;
	kvm = kvm_open();
	if (ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV) != 1) {
		printf("skip KVM has no Hyper-V interface\n");
		return 0;
	}
	vm = kvm_create_vm(kvm);
	memory = allocate(2 * PAGE);
	GUEST_CODE_COPY(memory, guest);
	kvm_set_slot(vm, 0, CODE, 2 * PAGE, memory);
	lazy = allocate(MOST * PAGE);
	uffd = block_pages(lazy, MOST * PAGE);
	kvm_set_slot(vm, 1, PAGES_GPA, MOST * PAGE, lazy);
	vcpu = kvm_create_vcpu(vm, 0);
	holder = kvm_create_vcpu(vm, 1);
	offer_hyperv(vcpu);
	offer_hyperv(holder);
	kvm_set_msr(holder, HV_GUEST_OS_ID, 1);
	kvm_real_mode(vcpu, CODE);
	if (ioctl(vcpu, KVM_GET_REGS, &regs))
		err(1, "KVM_GET_REGS");
	regs.rsi = count;
	if (ioctl(vcpu, KVM_SET_REGS, &regs))
		err(1, "KVM_SET_REGS");
	run = kvm_map_run(kvm, vcpu);
	if (sem_init(&take, 0, 0) || sem_init(&taken, 0, 0) || sem_init(&runs, 0, 0) ||
	    sem_init(&freed, 0, 0) || pthread_create(&thread, NULL, hold, NULL) ||
	    pthread_create(&thread, NULL, fill, NULL))
		errx(1, "cannot create threads");
	if (ioctl(vcpu, KVM_RUN, 0))
		err(1, "KVM_RUN");
	while (run->exit_reason == KVM_EXIT_IO)
		run_held(vcpu);
	if (run->exit_reason != KVM_EXIT_HLT)
		errx(1, "exit %u", run->exit_reason);
	printf("did %llu\n", (unsigned long long)did_ns);
	for (;;)
		pause();
}
