// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: stuck_crowd UID VMS VCPUS SLOTS
 * Threads of user UID that stay in KVM's ioctls, each on a page that nobody
 * fills: in KVM_SET_NESTED_STATE on VCPUS vCPUs (SVM) of each of VMS VMs, and in
 * KVM_SET_USER_MEMORY_REGION of SLOTS VMs whose vCPU waits in mid-exit. Prints
 * "waiting N of M" when no more threads come to their ioctls; stays until it is
 * killed. What KVM refuses is left out, and counted as "refused N".
 *
 * Processes of some 700 threads each: KVM_CREATE_VM locks all that is mapped by one,
 * and lockdep counts no more than 4095 such locks.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#include "kvm.h"

#define STACK_SIZE	65536
#define MOST_THREADS	750
#define VMCB_GPA	0x2000
#define CODE		0x1000
#define CLOCK_GPA	0x8000

GUEST_CODE(write_clock, 16,
	   "	mov $0x11, %ecx\n"	/* MSR_KVM_WALL_CLOCK */
	   "	xor %edx, %edx\n"
	   "	mov $0x8000, %eax\n"
	   "	wrmsr\n"
	   "	hlt");

struct victim {
	int fd;
	void *memory;
};

static int kvm;

/* In memory that all processes share. */
static struct {
	atomic_int started, entered, left, refused;
	/* Processes that start no more threads. */
	atomic_int ready;
} *count;

static void start(void *(*function)(void *), struct victim *victim)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	count->started++;
	if (pthread_create(&thread, &attr, function, victim))
		errx(1, "thread %d", count->started);
	pthread_attr_destroy(&attr);
}

static struct victim *new_victim(int fd, void *memory)
{
	struct victim *victim = malloc(sizeof(*victim));

	if (!victim)
		err(1, "malloc");
	*victim = (struct victim){ fd, memory };
	return victim;
}

/* The head of the state is there, its VMCB is on the page behind. */
static void *set_state(void *arg)
{
	struct victim *victim = arg;
	struct kvm_nested_state *state = victim->memory + PAGE - sizeof(*state);

	*state = (struct kvm_nested_state){
		.format = KVM_STATE_NESTED_FORMAT_SVM,
		.flags = KVM_STATE_NESTED_GUEST_MODE | KVM_STATE_NESTED_GIF_SET,
		.size = sizeof(*state) + KVM_STATE_NESTED_SVM_VMCB_SIZE,
		.hdr.svm.vmcb_pa = VMCB_GPA,
	};
	count->entered++;
	ioctl(victim->fd, KVM_SET_NESTED_STATE, state);
	count->left++;
	return NULL;
}

static void *run_guest(void *arg)
{
	struct victim *victim = arg;

	count->entered++;
	ioctl(victim->fd, KVM_RUN, 0);
	count->left++;
	return NULL;
}

/* Returns -1, and counts, if KVM refuses one of the two. */
static int create_guest(int *vm, int *vcpu)
{
	uint8_t *memory;

	*vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (*vm < 0)
		goto refuse;
	memory = allocate(CLOCK_GPA);
	GUEST_CODE_COPY(memory + CODE, write_clock);
	if (kvm_try_slot(*vm, 0, 0, CLOCK_GPA, memory))
		goto refuse;
	*vcpu = ioctl(*vm, KVM_CREATE_VCPU, 0);
	if (*vcpu < 0)
		goto refuse;
	kvm_offer_all(kvm, *vcpu);
	return 0;

refuse:
	count->refused++;
	return -1;
}

static void block_state(int vcpu, void *memory)
{
	struct kvm_sregs sregs = kvm_get_sregs(vcpu);

	sregs.efer |= EFER_SVME;
	kvm_set_sregs(vcpu, &sregs);
	block_pages(memory + PAGE, PAGE);
	start(set_state, new_victim(vcpu, memory));
}

static void block_states(int vcpus)
{
	char *memory = allocate(2 * PAGE * vcpus);
	int vm, vcpu, i;

	if (create_guest(&vm, &vcpu))
		return;
	for (i = 0; i < vcpus; i++) {
		if (i) {
			vcpu = ioctl(vm, KVM_CREATE_VCPU, i);
			if (vcpu < 0) {
				count->refused++;
				return;
			}
			kvm_offer_all(kvm, vcpu);
		}
		block_state(vcpu, memory + 2 * PAGE * i);
	}
}

/* In a thread each: for each slot KVM waits for a grace period. */
static void *block_slot(void *unused)
{
	char *page = allocate(PAGE);
	int vm, vcpu;

	if (create_guest(&vm, &vcpu))
		goto out;
	block_pages(page, PAGE);
	if (kvm_try_slot(vm, 1, CLOCK_GPA, PAGE, page)) {
		count->refused++;
		goto out;
	}
	kvm_real_mode(vcpu, CODE);
	start(run_guest, new_victim(vcpu, NULL));
	usleep(100000);
	count->entered++;
	kvm_try_slot(vm, 2, 1 << 20, PAGE, allocate(PAGE));
	count->left++;
	return unused;
out:
	/* It has come as far as it can. */
	count->entered++;
	count->left++;
	return unused;
}

static void wait_for_ever(void)
{
	count->ready++;
	for (;;)
		pause();
}

/* A process that is to block some; the parent returns 1. */
static int split_off(void)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid)
		return 1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	kvm = kvm_open();
	return 0;
}

static int block_all_states(int vms, int vcpus)
{
	int each = vcpus < MOST_THREADS ? MOST_THREADS / vcpus : 1, processes = 0, i;

	for (; vms > 0; vms -= each) {
		processes++;
		if (split_off())
			continue;
		for (i = 0; i < each && i < vms; i++)
			block_states(vcpus);
		wait_for_ever();
	}
	return processes;
}

static int block_all_slots(int slots)
{
	int i;

	if (!split_off()) {
		for (i = 0; i < slots; i++)
			start(block_slot, NULL);
		wait_for_ever();
	}
	return 1;
}

int main(int argc, char **argv)
{
	int processes, before;

	if (argc != 5)
		errx(2, "usage: stuck_crowd UID VMS VCPUS SLOTS");
	setvbuf(stdout, NULL, _IOLBF, 0);
	allow_many_files();
	count = allocate_shared(sizeof(*count));
	become(atoi(argv[1]));
	processes = block_all_states(atoi(argv[2]), atoi(argv[3]));
	processes += block_all_slots(atoi(argv[4]));
	do {
		before = count->entered;
		usleep(300000);
	} while (count->ready < processes || count->entered != before ||
		 count->entered < count->started);
	printf("waiting %d of %d\nrefused %d\n", count->entered - count->left,
	       count->started, count->refused);
	for (;;)
		pause();
}
