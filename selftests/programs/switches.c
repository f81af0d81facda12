// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: switches N
 * Two threads hand the CPU to each other N times, by pipes. Prints how long that took
 * as vmm --time does, in ns and in ticks of the TSC.
 */
#include <err.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static int there[2], back[2];
static long rounds;

static void hand_over(int to)
{
	if (write(to, "", 1) != 1)
		err(1, "write");
}

static void wait_for(int from)
{
	char c;

	if (read(from, &c, 1) != 1)
		err(1, "read");
}

static void *answer(void *unused)
{
	long i;

	for (i = 0; i < rounds; i++) {
		wait_for(there[0]);
		hand_over(back[1]);
	}
	return unused;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

int main(int argc, char **argv)
{
	uint64_t ns, ticks;
	pthread_t thread;
	long i;

	if (argc != 2)
		errx(2, "usage: switches N");
	/* A round is two switches. */
	rounds = strtol(argv[1], NULL, 0) / 2;
	if (pipe(there) || pipe(back) || pthread_create(&thread, NULL, answer, NULL))
		errx(1, "cannot create pipes and a thread");
	ns = now_ns();
	ticks = __rdtsc();
	for (i = 0; i < rounds; i++) {
		hand_over(there[1]);
		wait_for(back[0]);
	}
	printf("time wall_ns=%llu wall_tsc=%llu cpu_ns=0\n", (unsigned long long)(now_ns() - ns),
	       (unsigned long long)(__rdtsc() - ticks));
	return 0;
}
