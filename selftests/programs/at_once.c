// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: at_once THREADS ROUNDS
 * In each round all threads create a VM at the same moment, so that some are being
 * created while others are asked for; then all are closed. Prints the most and the
 * fewest that KVM created in a round; status 1 if an errno was not EDQUOT.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "alive.h"

static pthread_barrier_t barrier;
static struct count vms;
static atomic_long strange;
static unsigned int rounds;
static int kvm;

static void *create(void *arg)
{
	unsigned int i;
	int vm;

	(void)arg;
	for (i = 0; i < rounds; i++) {
		pthread_barrier_wait(&barrier);
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		if (vm >= 0)
			came(&vms);
		else
			refused(&vms, "KVM_CREATE_VM", &strange);
		pthread_barrier_wait(&barrier);
		/* All have been counted. */
		pthread_barrier_wait(&barrier);
		if (vm >= 0) {
			vms.alive--;
			close(vm);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned int nr_threads, i;
	long fewest = -1;
	pthread_t thread;

	if (argc != 3)
		errx(2, "usage: at_once THREADS ROUNDS");
	nr_threads = atoi(argv[1]);
	rounds = atoi(argv[2]);
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		err(1, "/dev/kvm");
	pthread_barrier_init(&barrier, NULL, nr_threads + 1);
	for (i = 0; i < nr_threads; i++)
		if (pthread_create(&thread, NULL, create, NULL))
			errx(1, "cannot create a thread");
	for (i = 0; i < rounds; i++) {
		/* The others close their VMs before they come here. */
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		fewest = fewest < 0 || vms.alive < fewest ? vms.alive : fewest;
		pthread_barrier_wait(&barrier);
	}
	printf("most=%ld fewest=%ld\n", vms.most, fewest);
	return strange != 0;
}
