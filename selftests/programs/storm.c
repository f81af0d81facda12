// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: storm LIMIT-VMS LIMIT-VCPUS PROCESSES THREADS SECONDS
 * Many threads create and destroy VMs and vCPUs as fast as they can, against
 * limits that are set for all of them together. Counts each from after KVM has
 * created it until before it is closed, so never more than there are. Prints
 * the most that were alive at once, and how many were created and refused;
 * status 1 if a limit was passed or an errno was not EDQUOT.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alive.h"

#define MAX_VCPUS	3

/* Shared by all processes. */
static struct shared {
	struct count vms;
	struct count vcpus;
	atomic_long strange;
} *shared;

static time_t end;

/* Duplicate ids fail in KVM after they have been allowed. */
static void create_vcpus(int vm, unsigned int *seed)
{
	int fds[MAX_VCPUS], n = 0, i, fd;

	for (i = rand_r(seed) % (MAX_VCPUS + 1); i; i--) {
		fd = ioctl(vm, KVM_CREATE_VCPU, (unsigned long)n);
		if (fd < 0) {
			refused(&shared->vcpus, "KVM_CREATE_VCPU", &shared->strange);
			continue;
		}
		came(&shared->vcpus);
		fds[n++] = fd;
		if (ioctl(vm, KVM_CREATE_VCPU, 0ul) >= 0 ||
		    (errno != EEXIST && errno != EDQUOT)) {
			warn("a second vCPU 0");
			shared->strange++;
		}
	}
	/* vCPUs live as long as their VM. */
	shared->vcpus.alive -= n;
	for (i = 0; i < n; i++)
		close(fds[i]);
}

static void *churn(void *arg)
{
	unsigned int seed = (unsigned long)arg;
	int kvm, vm;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		err(1, "/dev/kvm");
	while (now_s() < end) {
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		if (vm < 0) {
			refused(&shared->vms, "KVM_CREATE_VM", &shared->strange);
			/* Let those go on that have one. */
			usleep(rand_r(&seed) % 20000);
			continue;
		}
		came(&shared->vms);
		create_vcpus(vm, &seed);
		shared->vms.alive--;
		close(vm);
	}
	close(kvm);
	return NULL;
}

static void process(unsigned int nr, unsigned int nr_threads)
{
	pthread_t threads[nr_threads];
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, churn,
				   (void *)(unsigned long)(nr * nr_threads + i)))
			errx(1, "cannot create a thread");
	for (i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

static bool within(const struct count *c, const char *what, long limit)
{
	printf("%s: limit %ld, at most %ld alive, %ld created, %ld refused, %ld left\n", what,
	       limit, c->most, c->created, c->refused, c->alive);
	return c->most <= limit && c->refused && !c->alive;
}

int main(int argc, char **argv)
{
	unsigned int processes, threads, i;
	int status, bad = 0;

	if (argc != 6)
		errx(2, "usage: storm LIMIT-VMS LIMIT-VCPUS PROCESSES THREADS SECONDS");
	processes = atoi(argv[3]);
	threads = atoi(argv[4]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	end = now_s() + atoi(argv[5]);
	for (i = 0; i < processes; i++) {
		switch (fork()) {
		case -1:
			err(1, "fork");
		case 0:
			process(i, threads);
		}
	}
	while (wait(&status) > 0)
		bad |= status;
	bad |= !within(&shared->vms, "VMs", atol(argv[1]));
	bad |= !within(&shared->vcpus, "vCPUs", atol(argv[2]));
	if (shared->strange)
		printf("%ld other errors\n", shared->strange);
	return bad || shared->strange;
}
