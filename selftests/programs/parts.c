// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: parts sleep|late|spin|both|page MS COUNT
 * A guest each of whose COUNT exits keeps its vCPU from running for MS
 * milliseconds in one known way, by the clock of this program:
 *
 *	sleep	OUT, and the VMM's thread sleeps
 *	late	the same, and before it the guest computes
 *	spin	OUT, and the VMM's thread computes
 *	both	OUT, and it does one after the other, computing before and after
 *	page	the guest reads a page, which another thread fills after that time
 *
 * Prints "did NS" when it has: how long that was, summed; and "computed NS", how
 * long it computed between exits. Then it halts, and its VMM, which serves HLT
 * itself, never runs it again.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include "kvm.h"

#define CODE		0x1000
#define PAGES_GPA	0x100000ul
#define MOST_PAGES	512

GUEST_CODE(outs, 16,
	   "1:	out %al, $0x10\n"
	   "	dec %cx\n"
	   "	jnz 1b\n"
	   "	hlt\n");

GUEST_CODE(late_outs, 16,
	   "1:	mov $500000, %edx\n"
	   "2:	dec %edx\n"
	   "	jnz 2b\n"
	   "	out %al, $0x10\n"
	   "	dec %cx\n"
	   "	jnz 1b\n"
	   "	hlt\n");

/* In real mode by 4 KiB steps of a segment register, from 1 MiB on: FFFF:0010. */
GUEST_CODE(pages, 16,
	   "	mov $0xffff, %ax\n"
	   "	mov %ax, %ds\n"
	   "	mov $0x10, %bx\n"
	   "1:	mov (%bx), %al\n"
	   "	add $0x1000, %bx\n"
	   "	dec %cx\n"
	   "	jnz 1b\n"
	   "	hlt\n");

static uint64_t wanted_ns, did_ns, computed_ns;

static void rest(uint64_t ns)
{
	const struct timespec t = { ns / 1000000000, ns % 1000000000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static void compute(uint64_t ns)
{
	uint64_t from = now_ns();

	spin_ns(ns);
	computed_ns += now_ns() - from;
}

/*
 * For "both", only the sleep counts as what it did. Asking the kernel for the thread's
 * CPU time would bring its counts up to date, and hide where they lag.
 */
static void serve(const char *how)
{
	uint64_t from;

	if (!strcmp(how, "both"))
		compute(wanted_ns / 2);
	from = now_ns();
	if (!strcmp(how, "spin"))
		compute(wanted_ns);
	else
		rest(wanted_ns);
	did_ns += now_ns() - from;
	if (!strcmp(how, "both"))
		compute(wanted_ns / 2);
}

static int uffd;

static void *fill(void *unused)
{
	struct pollfd fd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg message;
	uint64_t from;

	while (poll(&fd, 1, -1) == 1 && read(uffd, &message, sizeof(message)) == sizeof(message)) {
		from = now_ns();
		rest(wanted_ns);
		did_ns += now_ns() - from;
		fill_page(uffd, (void *)(message.arg.pagefault.address & ~(PAGE - 1)));
	}
	return unused;
}

int main(int argc, char **argv)
{
	uint8_t *memory, *lazy;
	struct kvm_run *run;
	pthread_t thread;
	int kvm, vm, vcpu;
	struct kvm_regs regs;
	bool by_page;

	if (argc != 4)
		errx(2, "usage: parts sleep|late|spin|both|page MS COUNT");
	setvbuf(stdout, NULL, _IOLBF, 0);
	wanted_ns = strtoull(argv[2], NULL, 0) * 1000000;
	by_page = !strcmp(argv[1], "page");
	kvm = kvm_open();
	vm = kvm_create_vm(kvm);
	memory = allocate(2 * PAGE);
	if (by_page)
		GUEST_CODE_COPY(memory, pages);
	else if (!strcmp(argv[1], "late"))
		GUEST_CODE_COPY(memory, late_outs);
	else
		GUEST_CODE_COPY(memory, outs);
	kvm_set_slot(vm, 0, CODE, 2 * PAGE, memory);
	if (by_page) {
		lazy = allocate(16 * PAGE);
		uffd = block_pages(lazy, 16 * PAGE);
		kvm_set_slot(vm, 1, PAGES_GPA, 16 * PAGE, lazy);
		if (pthread_create(&thread, NULL, fill, NULL))
			errx(1, "pthread_create");
	}
	vcpu = kvm_create_vcpu(vm, 0);
	kvm_real_mode(vcpu, CODE);
	if (ioctl(vcpu, KVM_GET_REGS, &regs))
		err(1, "KVM_GET_REGS");
	regs.rcx = strtoul(argv[3], NULL, 0);
	if (ioctl(vcpu, KVM_SET_REGS, &regs))
		err(1, "KVM_SET_REGS");
	run = kvm_map_run(kvm, vcpu);
	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0))
			err(1, "KVM_RUN");
		if (run->exit_reason == KVM_EXIT_HLT)
			break;
		if (run->exit_reason != KVM_EXIT_IO)
			errx(1, "exit %u", run->exit_reason);
		serve(argv[1]);
	}
	printf("computed %llu\ndid %llu\n", (unsigned long long)computed_ns,
	       (unsigned long long)did_ns);
	for (;;)
		pause();
}
