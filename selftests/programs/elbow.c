// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: elbow UID THREADS TRIES
 * Threads of a user who has one VM ask for more all the time, and a limit of one refuses
 * them. Meanwhile root creates a VM and closes it, TRIES times, with little delay. Prints
 * how many of root's were refused; status 1 if anything failed by another error.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "kvm.h"

#define BETWEEN_US	2000

struct shared {
	atomic_long asked;
	atomic_long strange;
};

static struct shared *shared;
static int kvm;

static void *ask(void *unused)
{
	int vm;

	for (;;) {
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		if (vm >= 0 || errno != EDQUOT)
			shared->strange++;
		if (vm >= 0)
			close(vm);
		shared->asked++;
	}
	return unused;
}

static void elbow(uid_t uid, unsigned int threads)
{
	pthread_t thread;
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	become(uid);
	kvm = kvm_open();
	kvm_create_vm(kvm);
	for (i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, ask, NULL))
			errx(1, "pthread_create");
	ask(NULL);
}

int main(int argc, char **argv)
{
	unsigned int tries, i, refused = 0;
	pid_t child;
	int vm;

	if (argc != 4)
		errx(2, "usage: elbow UID THREADS TRIES");
	tries = atoi(argv[3]);
	shared = allocate_shared(sizeof(*shared));
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child)
		elbow(atoi(argv[1]), atoi(argv[2]));
	kvm = kvm_open();
	while (shared->asked < 10 && !waitpid(child, NULL, WNOHANG))
		usleep(BETWEEN_US);
	for (i = 0; i < tries; i++) {
		usleep(BETWEEN_US);
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		if (vm >= 0)
			close(vm);
		else if (errno == EDQUOT)
			refused++;
		else
			err(1, "KVM_CREATE_VM");
	}
	printf("refused=%u asked=%s\n", refused, shared->asked > tries ? "more" : "less");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return shared->strange != 0;
}
