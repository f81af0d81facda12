// SPDX-License-Identifier: GPL-2.0
/*
 * crowd: creates many guests, or one with many vCPUs, and says what that took.
 *
 * crowd [--vms N] [--vcpus N] [--threads N] [--exits N] [--hold]
 *
 * "created FROM TO ticks=T cpu_ns=N" for the guests of each tenfold: all that
 * passed on the machine, and what the creating threads had a CPU for; both per
 * guest. With --exits each guest's vCPUs run for that many CPUIDs then. With
 * --hold the guests stay until a signal.
 */
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "../vmm/vmm.h"

static struct vmm_config cfg = { .vcpus = 1, .rounds = 1, .count[VMM_CPUID] = 1 };
static unsigned long nr_vms = 1, nr_threads = 1;
static struct vmm **vms;
static unsigned long last;
static atomic_ulong next;
static atomic_ullong cpu_ns;

static uint64_t thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void *create(void *unused)
{
	const uint64_t begin = thread_ns();
	unsigned long i;

	(void)unused;
	while ((i = next++) < last) {
		vms[i] = vmm_create(&cfg);
		if (!vms[i])
			errx(1, "guest %lu: %s", i, vmm_error());
	}
	cpu_ns += thread_ns() - begin;
	return NULL;
}

static void create_up_to(unsigned long to)
{
	const unsigned long from = last;
	pthread_t threads[nr_threads];
	const uint64_t tsc = __rdtsc();
	unsigned long i;

	next = from;
	last = to;
	cpu_ns = 0;
	for (i = 0; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, create, NULL))
			errx(1, "cannot create a thread");
	for (i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	printf("created %lu %lu ticks=%llu cpu_ns=%llu\n", from + 1, to,
	       (__rdtsc() - tsc) / (to - from), (unsigned long long)(cpu_ns / (to - from)));
}

static unsigned long number(const char *arg, unsigned long most)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (!*arg || *end || !n || n > most)
		errx(2, "'%s' is not a number from 1 to %lu", arg, most);
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vms", required_argument, NULL, 'm' },
		{ "vcpus", required_argument, NULL, 'c' },
		{ "threads", required_argument, NULL, 't' },
		{ "exits", required_argument, NULL, 'e' },
		{ "hold", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct rlimit files = { 65536, 65536 };
	bool hold = false, run = false;
	unsigned long n;
	sigset_t set;
	int opt, sig;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'm':
			nr_vms = number(optarg, 10000);
			break;
		case 'c':
			cfg.vcpus = number(optarg, VMM_MAX_VCPUS);
			break;
		case 't':
			nr_threads = number(optarg, 64);
			break;
		case 'e':
			cfg.count[VMM_CPUID] = number(optarg, 1000000);
			run = true;
			break;
		case 'h':
			hold = true;
			break;
		default:
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (setrlimit(RLIMIT_NOFILE, &files))
		err(1, "setrlimit");
	vms = calloc(nr_vms, sizeof(*vms));
	if (!vms)
		err(1, "calloc");
	for (n = 10; last < nr_vms; n *= 10)
		create_up_to(n < nr_vms ? n : nr_vms);
	for (n = 0; run && n < nr_vms; n++)
		if (vmm_start(vms[n]) || vmm_wait(vms[n]))
			errx(1, "guest %lu: %s", n, vmm_error());
	if (hold) {
		sigemptyset(&set);
		sigaddset(&set, SIGTERM);
		sigprocmask(SIG_BLOCK, &set, NULL);
		printf("holding\n");
		sigwait(&set, &sig);
	}
	for (n = 0; n < nr_vms; n++)
		vmm_destroy(vms[n]);
	return 0;
}
