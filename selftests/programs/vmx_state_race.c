// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: vmx_state_race MILLISECONDS
 * Two VMs whose VMMs restore VMX state, that of a hypervisor after VMXON, as
 * often as they can, and now and then reset it (VMX). Prints how often each got
 * it and was refused, "both N": how often both had it at once, and "lost N": how
 * often one was refused what it had.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "kvm.h"

#define VMXON_GPA	0x1000
#define RESET_EVERY	8

static struct side {
	int vcpu;
	/* It has been given the state, and has not begun to give it up. */
	atomic_bool has;
	long got;
	long refused;
} sides[2];

static pthread_barrier_t start;
static atomic_bool stop;
static atomic_long both, lost;

static int set_state(int vcpu, uint64_t vmxon_gpa)
{
	const struct kvm_nested_state state = {
		.format = KVM_STATE_NESTED_FORMAT_VMX,
		.size = sizeof(state),
		.hdr.vmx = { .vmxon_pa = vmxon_gpa, .vmcs12_pa = -1ull },
	};

	return ioctl(vcpu, KVM_SET_NESTED_STATE, &state);
}

static void *restore(void *arg)
{
	struct side *side = arg, *other = &sides[side == sides];
	long i;

	pthread_barrier_wait(&start);
	for (i = 1; !stop; i++) {
		if (!set_state(side->vcpu, VMXON_GPA)) {
			side->got++;
			side->has = true;
			both += other->has;
		} else if (errno == EPERM) {
			side->refused++;
			lost += side->has;
			side->has = false;
		} else {
			err(1, "KVM_SET_NESTED_STATE");
		}
		if (i % RESET_EVERY)
			continue;
		side->has = false;
		if (set_state(side->vcpu, -1ull))
			err(1, "reset");
		/* Where there is one CPU, the other's turn. */
		sched_yield();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[2];
	int kvm = kvm_open(), i;

	if (argc != 2)
		errx(2, "usage: vmx_state_race MILLISECONDS");
	for (i = 0; i < 2; i++)
		sides[i].vcpu = kvm_create_hypervisor(kvm);
	pthread_barrier_init(&start, NULL, 3);
	for (i = 0; i < 2; i++) {
		if (pthread_create(&threads[i], NULL, restore, &sides[i]))
			errx(1, "pthread_create");
	}
	pthread_barrier_wait(&start);
	usleep(atoi(argv[1]) * 1000);
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("got %ld %ld\nrefused %ld %ld\nboth %ld\nlost %ld\n", sides[0].got, sides[1].got,
	       sides[0].refused, sides[1].refused, both, lost);
	return 0;
}
