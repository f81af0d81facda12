// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: out_of_calls UID [forever|more]
 * Uses up the records that l1tune has for the threads of one VM that are in ioctls, then
 * runs the boot vCPU, which l1tune cannot recognise at once.
 *
 *	creator:  KVM_CREATE_VCPU ─────────> waits for the vCPU's lock
 *	runner:   sleeps ─────> KVM_RUN ───> has it, waits for a start-up IPI
 *
 * Both are on one CPU, where the runner has priority. It comes too early as long as the
 * descriptor does not exist, and too late once the creator has the lock: so it finds the
 * moment between. Prints whether it has used up all and how many vCPUs it has created for
 * that; and for two seconds of the boot vCPU how many CPUIDs it executed and whether KVM_RUN
 * failed with EAGAIN; then the same after the pairs have been let go. With "forever" the
 * guest never exits to its VMM, so the two seconds begin when KVM_RUN returns, and that is
 * all. With "more" it prints after a second whether it may create the boot vCPU.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "kvm.h"

#define TOP		0xfffff000ul
#define LOOP_IP		0xff00
#define CPUIDS		100
#define PAIRS		8
#define MOST_TRIES	200
#define MOST_VCPUS	250
#define SETTLE_US	5000
#define FIRST_DELAY_NS	1000000ul
#define LEAST_STEP_NS	2000ul
#define RUN_NS		2000000000ull

GUEST_CODE(cpuids, 16,
	   "1:	mov $100, %si\n"
	   "2:	xor %eax, %eax\n"
	   "	cpuid\n"
	   "	dec %si\n"
	   "	jnz 2b\n"
	   "	out %al, $0x10\n"
	   "	jmp 1b\n");
GUEST_CODE(cpuids_forever, 16,
	   "1:	xor %eax, %eax\n"
	   "	cpuid\n"
	   "	jmp 1b\n");

/* A creator and a runner of the same vCPU. */
struct pair {
	pthread_t creator, runner;
	int vm, id, guess;
	uint64_t create_ns, run_ns;
	atomic_bool created, early, over;
};

static struct pair pairs[MOST_TRIES];

/* A runner got EAGAIN: there may be nothing left. */
static atomic_bool again;

static void sleep_until(uint64_t ns)
{
	const struct timespec t = { ns / 1000000000, ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
		;
}

static void give_way(void)
{
	const struct sched_param none = { };

	if (pthread_setschedparam(pthread_self(), SCHED_OTHER, &none))
		errx(1, "SCHED_OTHER");
}

static void *create(void *arg)
{
	struct pair *p = arg;

	give_way();
	sleep_until(p->create_ns);
	kvm_create_vcpu(p->vm, p->id);
	p->created = true;
	return NULL;
}

static void *run(void *arg)
{
	struct pair *p = arg;

	sleep_until(p->run_ns);
	while (!p->over && ioctl(p->guess, KVM_RUN, 0) && errno != EINTR) {
		p->early = errno == EBADF;
		if (p->early)
			break;
		again = true;
		usleep(SETTLE_US);
	}
	return NULL;
}

/* Returns whether the runner has the lock that the creator waits for. */
static bool pair_up(struct pair *p, int vm, int id, uint64_t delay_ns)
{
	uint64_t from = now_ns() + SETTLE_US * 1000ul;

	*p = (struct pair){ .vm = vm, .id = id, .guess = next_fd(), .create_ns = from,
			    .run_ns = from + delay_ns };
	if (pthread_create(&p->runner, NULL, run, p) ||
	    pthread_create(&p->creator, NULL, create, p))
		errx(1, "pthread_create");
	usleep(3 * SETTLE_US);
	return !p->created;
}

/* Returns whether KVM_RUN of one more vCPU fails with EAGAIN. */
static bool is_refused(int kvm, int vm, int id)
{
	int vcpu = kvm_create_vcpu(vm, id);

	kvm_map_run(kvm, vcpu)->immediate_exit = 1;
	return ioctl(vcpu, KVM_RUN, 0) && errno == EAGAIN;
}

/*
 * Returns whether all that there is has been used up. That a runner got EAGAIN may be for
 * what its creator had, which returns.
 */
static bool pair_all_up(int kvm, int vm, int *last, int *vcpus)
{
	uint64_t delay_ns = FIRST_DELAY_NS, step_ns = FIRST_DELAY_NS / 2;
	int id, won = 0, probe = MOST_TRIES;
	bool refused = false;

	for (id = 1; id < MOST_TRIES && won < PAIRS && !refused; id++) {
		if (pair_up(&pairs[id], vm, id, delay_ns)) {
			won++;
		} else {
			delay_ns += pairs[id].early ? step_ns : -step_ns;
			step_ns = step_ns / 2 > LEAST_STEP_NS ? step_ns / 2 : LEAST_STEP_NS;
		}
		if (again && probe < MOST_VCPUS)
			refused = is_refused(kvm, vm, probe++);
		again = false;
	}
	*last = id - 1;
	*vcpus = *last + probe - MOST_TRIES;
	return won == PAIRS || refused;
}

static void let_go(struct pair *p)
{
	p->over = true;
	while (pthread_tryjoin_np(p->runner, NULL)) {
		pthread_kill(p->runner, SIGUSR1);
		usleep(SETTLE_US);
	}
	pthread_join(p->creator, NULL);
}

static void run_boot(int vcpu, const char *when)
{
	uint64_t end = now_ns() + RUN_NS;
	unsigned long done = 0;
	bool refused = false;

	do {
		if (!ioctl(vcpu, KVM_RUN, 0))
			done += CPUIDS;
		else if (errno == EAGAIN)
			refused = true;
		else if (errno != EINTR)
			err(1, "KVM_RUN");
	} while (now_ns() < end);
	printf("%s cpuids=%lu again=%s\n", when, done, refused ? "yes" : "no");
}

int main(int argc, char **argv)
{
	const struct sched_param first = { .sched_priority = 1 };
	bool forever = argc == 3 && !strcmp(argv[2], "forever");
	bool more = argc == 3 && !strcmp(argv[2], "more");
	int kvm, vm, vcpu, vcpus, id;
	bool used_up;
	uint8_t *page;

	if (argc != 2 && !forever && !more)
		errx(2, "usage: out_of_calls UID [forever|more]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	let_interrupt(SIGUSR1);
	stay_on(0);
	/* Threads inherit it. */
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		err(1, "SCHED_FIFO");
	kvm = kvm_open();
	become(atoi(argv[1]));
	page = allocate(PAGE);
	if (forever)
		GUEST_CODE_COPY(page + LOOP_IP % PAGE, cpuids_forever);
	else
		GUEST_CODE_COPY(page + LOOP_IP % PAGE, cpuids);
	vm = kvm_create_vm(kvm);
	if (ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		err(1, "KVM_CREATE_IRQCHIP");
	kvm_set_slot(vm, 0, TOP, PAGE, page);
	used_up = pair_all_up(kvm, vm, &id, &vcpus);
	printf("used_up=%s vcpus=%d\n", used_up ? "yes" : "no", vcpus);
	give_way();
	if (more) {
		sleep(1);
		printf("more=%s\n", ioctl(vm, KVM_CREATE_VCPU, 0) < 0 ? strerrorname_np(errno) : "ok");
		return 0;
	}
	vcpu = kvm_create_vcpu(vm, 0);
	kvm_set_rip(vcpu, LOOP_IP);
	run_boot(vcpu, "held");
	if (forever)
		return 0;
	for (; id; id--)
		let_go(&pairs[id]);
	run_boot(vcpu, "free");
	return 0;
}
