// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: early_run ROUNDS
 * Runs a new vCPU before KVM_CREATE_VCPU has returned to its creator: another
 * thread guesses the file descriptor and calls KVM_RUN on it all the time. The
 * first exit is for reason 0 on SVM, a read of CR0. Prints after each hundred
 * rounds in how many the vCPU was in KVM_RUN soon after. Each tenth round is in
 * a new VM, after the end of the last: CPU 1 has no vCPU to remember then.
 * Needs two CPUs.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "kvm.h"

#define TOP		0xfffff000ul
#define TOUCH_IP	0xff00
#define VCPUS		10
#define TELL_EVERY	100
#define LONGEST_NS	20000000000ull

/* At the reset vector. */
GUEST_CODE(read_cr0, 16, "1: mov %cr0, %eax\n jmp 1b");
/* A first vCPU maps the page, so that the second does not exit for it. */
GUEST_CODE(touch, 16, "1: out %al, $0x10\n jmp 1b");

static atomic_int guess, started, over, finished, early;
static atomic_bool stop;

static void *run_first(void *unused)
{
	bool ran;
	int round;

	stay_on(1);
	for (round = 1; ; round++) {
		while (started < round) {
			if (stop)
				return unused;
		}
		do {
			ran = ioctl(guess, KVM_RUN, 0) && errno == EINTR;
		} while (!ran && over < round);
		early += ran;
		finished = round;
	}
}

/*
 * KVM_CREATE_VCPU needs the vCPU's lock at its end, which KVM_RUN holds: its guest
 * never exits to the VMM, so another thread has to interrupt it.
 */
static void *kick(void *runner)
{
	while (!stop) {
		usleep(500);
		pthread_kill(*(pthread_t *)runner, SIGUSR1);
	}
	return NULL;
}

static int create_vm(int kvm, uint8_t *page)
{
	int vm = kvm_create_vm(kvm);

	kvm_set_slot(vm, 0, TOP, PAGE, page);
	return vm;
}

static void map_page(int vcpu)
{
	struct kvm_regs regs = { .rip = TOUCH_IP, .rflags = 2 };

	if (ioctl(vcpu, KVM_SET_REGS, &regs) || ioctl(vcpu, KVM_RUN, 0))
		err(1, "first vCPU");
}

static void play_round(int vm, int round)
{
	uint64_t deadline;
	int vcpu;

	guess = next_fd();
	started = round;
	vcpu = kvm_create_vcpu(vm, 1 + round % VCPUS);
	/* The vCPU is known now: it runs a little more, so that its CPU remembers it. */
	usleep(300);
	over = round;
	deadline = now_ns() + LONGEST_NS;
	while (finished < round) {
		if (now_ns() > deadline)
			errx(1, "round %d: KVM_RUN does not return", round);
		usleep(50);
	}
	close(vcpu);
}

static void play(int kvm, int rounds)
{
	uint8_t *page = allocate(PAGE);
	int vm = -1, first = -1, i;
	pthread_t runner, kicker;

	GUEST_CODE_COPY(page + 0xff0, read_cr0);
	GUEST_CODE_COPY(page + TOUCH_IP % PAGE, touch);
	if (pthread_create(&runner, NULL, run_first, NULL) ||
	    pthread_create(&kicker, NULL, kick, &runner))
		errx(1, "pthread_create");
	for (i = 0; i < rounds; i++) {
		if (i % VCPUS == 0) {
			close(first);
			close(vm);
			vm = create_vm(kvm, page);
			first = kvm_create_vcpu(vm, 0);
			map_page(first);
		}
		play_round(vm, i + 1);
		if ((i + 1) % TELL_EVERY == 0)
			printf("rounds %d early %d\n", i + 1, early);
	}
	stop = true;
	pthread_join(kicker, NULL);
	pthread_join(runner, NULL);
}

int main(int argc, char **argv)
{
	int rounds = argc == 2 ? atoi(argv[1]) : 0;

	if (rounds < 1)
		errx(2, "usage: early_run ROUNDS");
	setvbuf(stdout, NULL, _IOLBF, 0);
	let_interrupt(SIGUSR1);
	stay_on(0);
	play(kvm_open(), rounds);
	return 0;
}
