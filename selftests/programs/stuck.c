// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: stuck UID [slot|later]
 * A guest of user UID whose vCPU waits in mid-exit for a page that nobody
 * fills: WRMSR of the wall clock makes KVM write to guest memory. With "slot" a
 * second thread adds a memory slot and waits in KVM for the vCPU; with "later" the
 * guest gets there one exit later. Prints "stuck"; fills the page on SIGUSR1, and
 * prints the results: "clock N" from the guest, "slot ok". The guest exits on until
 * SIGTERM.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "kvm.h"

#define CLOCK_GPA	0x8000
#define CODE		0x1000
#define FIRST_IP	(CODE + 2)
#define MAGIC		0x5a

/* CPUID and OUT, too: exits for several reasons make the module allocate. */
GUEST_CODE(guest, 16,
	   "	cpuid\n"
	   "	xor %eax, %eax\n"
	   "	cpuid\n"
	   "	out %al, $0x10\n"
	   "	mov $0x11, %ecx\n"	/* MSR_KVM_WALL_CLOCK */
	   "	xor %edx, %edx\n"
	   "	mov $0x8000, %eax\n"
	   "	wrmsr\n"
	   "	mov $0x5a, %al\n"
	   "	out %al, $0x20\n"
	   "1:	xor %eax, %eax\n"
	   "	cpuid\n"
	   "	out %al, $0x30\n"
	   "	jmp 1b");

static int vm;
static uint8_t *clock_page;
static struct kvm_run *run;
static atomic_int in_exit;

static void *add_slot(void *unused)
{
	int ret;

	while (!in_exit)
		usleep(1000);
	usleep(100000);
	ret = kvm_try_slot(vm, 2, 1 << 20, PAGE, allocate(PAGE));
	printf("slot %s\n", ret ? strerrorname_np(errno) : "ok");
	return unused;
}

static void tell_io(void)
{
	uint8_t value = *((uint8_t *)run + run->io.data_offset);
	uint32_t version;

	if (run->io.port != 0x20)
		return;
	memcpy(&version, clock_page, sizeof(version));
	if (value == MAGIC)
		printf("clock %u\n", version);
	else
		printf("wrong value %#x\n", value);
}

static void *run_guest(void *vcpu)
{
	while (!ioctl((intptr_t)vcpu, KVM_RUN, 0)) {
		if (run->exit_reason != KVM_EXIT_IO)
			errx(1, "exit %u", run->exit_reason);
		tell_io();
		/* Not the whole of a CPU. */
		usleep(1000);
	}
	err(1, "KVM_RUN");
}

static void create(int kvm, intptr_t *vcpu, bool later)
{
	uint8_t *memory = allocate(CLOCK_GPA);

	GUEST_CODE_COPY(memory + CODE, guest);
	vm = kvm_create_vm(kvm);
	kvm_set_slot(vm, 0, 0, CLOCK_GPA, memory);
	kvm_set_slot(vm, 1, CLOCK_GPA, PAGE, clock_page);
	*vcpu = kvm_create_vcpu(vm, 0);
	kvm_offer_all(kvm, *vcpu);
	kvm_real_mode(*vcpu, later ? CODE : FIRST_IP);
	run = kvm_map_run(kvm, *vcpu);
}

static void wait_for_fault(int uffd)
{
	struct pollfd fd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg message;

	if (poll(&fd, 1, -1) != 1 || read(uffd, &message, sizeof(message)) != sizeof(message))
		err(1, "userfaultfd");
	in_exit = 1;
	usleep(300000);
	puts("stuck");
}

int main(int argc, char **argv)
{
	const char *how;
	pthread_t thread;
	intptr_t vcpu;
	sigset_t set;
	int sig, uffd;

	how = argc == 3 ? argv[2] : "";
	if (argc < 2 || argc > 3)
		errx(2, "usage: stuck UID [slot|later]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	become(atoi(argv[1]));
	clock_page = allocate(PAGE);
	uffd = block_pages(clock_page, PAGE);
	create(kvm_open(), &vcpu, !strcmp(how, "later"));
	if (pthread_create(&thread, NULL, run_guest, (void *)vcpu) ||
	    (!strcmp(how, "slot") && pthread_create(&thread, NULL, add_slot, NULL)))
		errx(1, "pthread_create");
	wait_for_fault(uffd);
	sigwait(&set, &sig);
	fill_page(uffd, clock_page);
	for (;;)
		pause();
}
