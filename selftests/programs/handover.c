// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: handover THREADS SECONDS
 * Threads that take turns at one vCPU, whose guest does nothing but OUT: which
 * of them enters it next is chance. Prints how often it exited.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_THREADS	64
#define PAGE		4096

static const unsigned char code[] = {
	0xe6, 0x10,	/* out %al, $0x10 */
	0xeb, 0xfc,	/* jmp to it */
};

static int vcpu;
static atomic_long exits;
static atomic_bool stop;

static void *run(void *unused)
{
	while (!stop) {
		if (!ioctl(vcpu, KVM_RUN, 0))
			exits++;
		else if (errno != EINTR)
			err(1, "KVM_RUN");
	}
	return unused;
}

static void create(void)
{
	struct kvm_userspace_memory_region memory = { .memory_size = PAGE };
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;
	int kvm, vm;
	void *page;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		err(1, "/dev/kvm");
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		err(1, "mmap");
	memcpy(page, code, sizeof(code));
	memory.userspace_addr = (unsigned long)page;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &memory))
		err(1, "KVM_CREATE_VM");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0 || ioctl(vcpu, KVM_GET_SREGS, &sregs))
		err(1, "KVM_CREATE_VCPU");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		err(1, "KVM_SET_SREGS");
}

int main(int argc, char **argv)
{
	int threads = argc == 3 ? atoi(argv[1]) : 0, i;
	pthread_t ids[MAX_THREADS];

	if (threads < 1 || threads > MAX_THREADS)
		errx(2, "usage: handover THREADS SECONDS");
	create();
	for (i = 0; i < threads; i++) {
		if (pthread_create(&ids[i], NULL, run, NULL))
			errx(1, "pthread_create");
	}
	sleep(atoi(argv[2]));
	stop = true;
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	printf("%ld\n", exits);
	return 0;
}
