// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: at_once THREADS ROUNDS
 * In each round all threads create a VM at the same moment, so that some are being
 * created while others are asked for; then all are closed. Prints the most and the
 * fewest that KVM said yes to in a round; status 1 if it said no by anything but EDQUOT.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static pthread_barrier_t barrier;
static atomic_int created, strange;
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
			created++;
		else if (errno != EDQUOT && !strange++)
			warn("KVM_CREATE_VM");
		pthread_barrier_wait(&barrier);
		if (vm >= 0)
			close(vm);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned int nr_threads, i;
	int most = 0, fewest = -1;
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
		most = created > most ? created : most;
		fewest = fewest < 0 || created < fewest ? created : fewest;
		created = 0;
	}
	printf("most=%d fewest=%d\n", most, fewest);
	return strange != 0;
}
