// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: evade SECONDS
 * Tries to run a guest that does nothing but OUT without being paced. Prints how often
 * it exited.
 *
 *	idle thread	enters KVM_RUN with a signal pending, so that it leaves at once; has
 *			policy SCHED_IDLE, so that it then gets no CPU for long
 *	guest thread	waits for the vCPU, gets the CPU when the idle thread leaves, and
 *			runs the guest; a signal ends its wait if it is paced all the same
 *	hog		keeps the CPU busy, on which they all run
 *
 * In kernels before 6.12 a thread that is new to a vCPU first waits for a grace period.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "kvm.h"

#define SIGNAL_NS	20000000

GUEST_CODE(out, 16,
	   "1:	outb %al, $0x10\n"
	   "	jmp 1b\n");

static int vcpu;
static atomic_long exits;

/* Blocked in user space only: it ends each KVM_RUN of this thread, and stays pending. */
static void have_signal_pending(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) || raise(SIGUSR2))
		err(1, "SIGUSR2");
}

static void *leave_at_once(void *unused)
{
	have_signal_pending();
	if (sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){ 0 }))
		err(1, "SCHED_IDLE");
	for (;;) {
		if (!ioctl(vcpu, KVM_RUN, 0))
			exits++;
	}
	return unused;
}

static void signal_every(uint64_t ns)
{
	const struct itimerspec every = { { 0, ns }, { 0, ns } };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1,
		._sigev_un._tid = gettid(),
	};
	timer_t timer;

	signal(SIGUSR1, ignore);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &every, NULL))
		err(1, "a timer");
}

static void *run_guest(void *unused)
{
	signal_every(SIGNAL_NS);
	for (;;) {
		if (!ioctl(vcpu, KVM_RUN, 0))
			exits++;
		else if (errno != EINTR)
			err(1, "KVM_RUN");
	}
	return unused;
}

static void unblock_signals_in_guest(void)
{
	struct {
		struct kvm_signal_mask head;
		uint64_t set;
	} none = { .head.len = sizeof(none.set) };

	if (ioctl(vcpu, KVM_SET_SIGNAL_MASK, &none))
		err(1, "KVM_SET_SIGNAL_MASK");
}

int main(int argc, char **argv)
{
	uint8_t *memory = allocate(PAGE);
	pthread_t threads[2];
	int kvm, vm;
	pid_t hog;

	if (argc != 2)
		errx(2, "usage: evade SECONDS");
	stay_on(sched_getcpu());
	kvm = kvm_open();
	vm = kvm_create_vm(kvm);
	GUEST_CODE_COPY(memory, out);
	kvm_set_slot(vm, 0, 0, PAGE, memory);
	vcpu = kvm_create_vcpu(vm, 0);
	unblock_signals_in_guest();
	kvm_real_mode(vcpu, 0);
	hog = fork();
	if (hog < 0)
		err(1, "fork");
	while (!hog)
		;
	if (pthread_create(&threads[0], NULL, leave_at_once, NULL) ||
	    pthread_create(&threads[1], NULL, run_guest, NULL))
		errx(1, "pthread_create");
	sleep(atoi(argv[1]));
	kill(hog, SIGKILL);
	waitpid(hog, NULL, 0);
	printf("%ld\n", (long)exits);
	return 0;
}
