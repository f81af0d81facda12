// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: not_loaded UID SECONDS
 * A vCPU whose timer fires while its thread is outside KVM, though it has entered KVM_RUN:
 *
 *	CPU 0:  sets the timer ──> KVM_RUN fails ──> computes ───────────────────>
 *	timer:                                         |    |    |    |    |    |
 *	CPU 1:                                          KVM_RUN fails, in a loop
 *
 * From 6.12 on KVM starts a thread at a VM's first KVM_RUN, before it loads the vCPU, and
 * a user at their limit of threads makes that fail. CPU 1 is idle for the first half of
 * the time. Prints whether KVM_RUN fails so. Needs two CPUs.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "lapic.h"

static int vcpu;
static atomic_bool goes;

static bool run_fails(void)
{
	return ioctl(vcpu, KVM_RUN, 0) && errno != EINTR;
}

static void *run_all_the_time(void *unused)
{
	stay_on(1);
	while (!goes)
		usleep(1000);
	for (;;)
		run_fails();
	return unused;
}

int main(int argc, char **argv)
{
	const struct rlimit none = { 1, 1 };
	pthread_t other;
	int kvm, vm;

	if (argc != 3)
		errx(2, "usage: not_loaded UID SECONDS");
	setvbuf(stdout, NULL, _IOLBF, 0);
	stay_on(0);
	kvm = kvm_open();
	become(atoi(argv[1]));
	vm = kvm_create_vm(kvm);
	if (ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		err(1, "KVM_CREATE_IRQCHIP");
	vcpu = kvm_create_vcpu(vm, 0);
	kvm_map_run(kvm, vcpu)->immediate_exit = 1;
	kvm_offer_all(kvm, vcpu);
	if (pthread_create(&other, NULL, run_all_the_time, NULL))
		errx(1, "pthread_create");
	if (setrlimit(RLIMIT_NPROC, &none))
		err(1, "RLIMIT_NPROC");
	lapic_start_timer(vcpu);
	printf("alone=%s\n", run_fails() ? "fails" : "runs");
	spin_ns(atoi(argv[2]) * 1000000000ull);
	goes = true;
	spin_ns(atoi(argv[2]) * 1000000000ull);
	printf("together=%s\n", run_fails() ? "fails" : "runs");
	return 0;
}
